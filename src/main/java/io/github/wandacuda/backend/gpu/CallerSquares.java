package io.github.wandacuda.backend.gpu;

/** Column sums of activations in device memory that callers own, on one queue. */
final class CallerSquares implements AutoCloseable {
  private final DeviceQueue queue;

  /** Holds activations that lie where no kernel could read them. */
  private final GrowingBuffer aligned;

  CallerSquares(GpuDevice device, DeviceQueue queue) {
    this.queue = queue;
    aligned = new GrowingBuffer(device, queue);
  }

  /** Adds squares, once the caller's queue has done what it has, and waits for the end. */
  void add(DeviceRows x, long callerQueue, DevicePointer state) {
    queue.startAfter(callerQueue);
    queue.forward().columnSquares(aligned(x), state);
    queue.finish();
  }

  private DeviceRows aligned(DeviceRows x) {
    if (x.data().offset() % x.dtype().bytes() == 0) {
      return x;
    }
    DevicePointer at = aligned.atLeast(x.rows() * x.rowBytes());
    queue.copy(x.data(), x.pitch(), at, x.rowBytes(), x.rowBytes(), x.rows());
    return new DeviceRows(at, x.dtype(), x.rows(), x.columns(), x.columns());
  }

  /** Gives the memory back, once the queue is finished. */
  @Override
  public void close() {
    aligned.close();
  }
}
