package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Sums of products of columns in a device's memory. They are divided on the host, so that a
 * quotient has the same bits for the same sum everywhere.
 */
final class GpuSecondMoments implements SecondMoments {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Bytes of sums that are on the host at a time. */
  private static final long PART_BYTES = 16 << 20;

  private static final int SUM_BYTES = GpuForwardKernels.MOMENT_BYTES;

  private final DeviceQueue queue;
  private final long elements;
  private final DeviceBuffer state;
  private boolean closed;

  GpuSecondMoments(GpuDevice device, DeviceQueue queue, int columns) {
    this.queue = queue;
    elements = PackedTriangle.elements(columns);
    state = device.allocate(Math.max(1, elements * SUM_BYTES));
    try {
      queue.clear(state.at(0), state.bytes());
    } catch (RuntimeException e) {
      state.close();
      throw e;
    }
  }

  @Override
  public void add(Tensor x) {
    queue.forward().secondMoments(((GpuTensor) x).matrix(), state.at(0));
  }

  @Override
  public void download(double divisor, MemorySegment triangle) {
    try (Arena arena = Arena.ofConfined()) {
      long most = Math.min(PART_BYTES / SUM_BYTES, elements);
      MemorySegment part = arena.allocate(most * SUM_BYTES, SUM_BYTES);
      for (long first = 0; first < elements; first += most) {
        long count = Math.min(most, elements - first);
        long at = first * SUM_BYTES;
        queue.complete(() -> queue.download(state.at(at), part.asSlice(0, count * SUM_BYTES)));
        for (long i = 0; i < count; i++) {
          double sum = queue.forward().moment(part, i);
          triangle.setAtIndex(FLOAT, first + i, (float) (sum / divisor));
        }
      }
    }
  }

  /** Frees the memory, after all queued work on it. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      queue.settle();
      state.close();
    }
  }
}
