package io.github.wandacuda.backend.gpu;

/** Device memory that is kept from one use to the next and replaced when it is too small. */
public final class GrowingBuffer implements AutoCloseable {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private DeviceBuffer buffer;

  /**
   * Creates a buffer without memory.
   *
   * @param device allocates the memory
   * @param queue the only queue whose work uses the memory
   */
  public GrowingBuffer(GpuDevice device, DeviceQueue queue) {
    this.device = device;
    this.queue = queue;
  }

  /**
   * Returns the start of at least {@code bytes} bytes, whose content is undefined.
   *
   * @param bytes what was there before is lost if the memory grows
   * @throws DeviceMemoryException if the device lacks the memory; the buffer is then empty
   */
  public DevicePointer atLeast(long bytes) {
    if (buffer == null || buffer.bytes() < bytes) {
      if (buffer != null) {
        queue.finish();
        close();
      }
      buffer = device.memory().allocate(Math.max(1, bytes));
    }
    return buffer.at(0);
  }

  /** Frees the memory; the queue must be finished or closed. */
  @Override
  public void close() {
    if (buffer != null) {
      buffer.close();
      buffer = null;
    }
  }
}
