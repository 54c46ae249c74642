package io.github.wandacuda.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What one thread's tiles lie in. */
final class WorkerBuffers implements AutoCloseable {
  /** For weights as a checkpoint has them. */
  final NativeBuffer plain = new NativeBuffer();

  /** For weights in the order of a product. */
  final NativeBuffer packed = new NativeBuffer();

  /** For a product. */
  final NativeBuffer sums = new NativeBuffer();

  /** For what lies between. */
  final NativeBuffer scratch = new NativeBuffer();

  @Override
  public void close() {
    plain.close();
    packed.close();
    sums.close();
    scratch.close();
  }

  /** Memory that grows and is kept from use to use. */
  static final class NativeBuffer implements AutoCloseable {
    private static final long ALIGNMENT = 64;

    /** Null if there is none. */
    private Arena arena;

    private MemorySegment data = MemorySegment.NULL;

    /** Returns memory of some bytes or more, whose content is lost if it is larger than before. */
    @SuppressWarnings("MustBeClosedChecker") // Closed when it grows and with the buffer.
    MemorySegment of(long bytes) {
      if (arena == null || data.byteSize() < bytes) {
        close();
        arena = Arena.ofShared();
        data = arena.allocate(bytes, ALIGNMENT);
      }
      return data;
    }

    @Override
    public void close() {
      if (arena != null) {
        arena.close();
        arena = null;
      }
    }
  }
}
