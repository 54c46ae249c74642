package io.github.wandacuda.backend.cpu;

import java.lang.foreign.MemorySegment;

/** What one thread's tiles lie in; each call gives the same memory, if it is large enough. */
final class WorkerBuffers implements AutoCloseable {
  private final NativeBuffer plain = new NativeBuffer();
  private final NativeBuffer packed = new NativeBuffer();
  private final NativeBuffer sums = new NativeBuffer();
  private final NativeBuffer scratch = new NativeBuffer();

  /** Returns memory for weights as a checkpoint has them. */
  MemorySegment plain(long bytes) {
    return plain.of(bytes);
  }

  /** Returns memory for weights in the order of a product. */
  MemorySegment packed(long bytes) {
    return packed.of(bytes);
  }

  /** Returns memory for a product. */
  MemorySegment sums(long bytes) {
    return sums.of(bytes);
  }

  /** Returns memory for what lies between. */
  MemorySegment scratch(long bytes) {
    return scratch.of(bytes);
  }

  @Override
  public void close() {
    plain.close();
    packed.close();
    sums.close();
    scratch.close();
  }
}
