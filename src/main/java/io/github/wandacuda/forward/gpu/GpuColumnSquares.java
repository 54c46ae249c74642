package io.github.wandacuda.forward.gpu;

import io.github.wandacuda.device.DeviceBuffer;
import io.github.wandacuda.device.DeviceQueue;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.forward.BackendOperations;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Column sums in a device's memory. */
final class GpuColumnSquares implements BackendOperations.Squares<GpuTensor> {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final int columns;
  private final DeviceBuffer state;
  private boolean closed;

  GpuColumnSquares(GpuDevice device, DeviceQueue queue, int columns) {
    this.device = device;
    this.queue = queue;
    this.columns = columns;
    state = device.allocate(Math.max(1, queue.forward().columnSquaresBytes(columns)));
    try {
      queue.clear(state.at(0), state.bytes());
    } catch (RuntimeException e) {
      state.close();
      throw e;
    }
  }

  @Override
  public void add(GpuTensor x) {
    queue.forward().columnSquares(x.matrix(), state.at(0));
  }

  @Override
  public double[] sums() {
    double[] sums = new double[columns];
    if (columns == 0) {
      return sums;
    }
    long bytes = 2L * columns * Float.BYTES;
    try (Arena arena = Arena.ofConfined();
        DeviceBuffer halves = device.allocate(bytes)) {
      queue.forward().columnSums(state.at(0), columns, halves.at(0));
      MemorySegment host = arena.allocate(bytes, Float.BYTES);
      queue.complete(() -> queue.download(halves.at(0), host));
      for (int column = 0; column < columns; column++) {
        double high = host.getAtIndex(ValueLayout.JAVA_FLOAT, column);
        sums[column] = high + host.getAtIndex(ValueLayout.JAVA_FLOAT, (long) columns + column);
      }
    }
    return sums;
  }

  /** Waits first, since work on the sums may be queued. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      queue.settle();
      state.close();
    }
  }
}
