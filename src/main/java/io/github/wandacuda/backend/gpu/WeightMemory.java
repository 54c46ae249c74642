package io.github.wandacuda.backend.gpu;

/** A weight's memory on the device, which is freed after all work that was queued. */
final class WeightMemory implements AutoCloseable {
  private final DeviceBuffer buffer;
  private final WeightUpload upload;
  private boolean closed;

  /**
   * Takes memory over.
   *
   * @param upload knows of the work
   */
  WeightMemory(DeviceBuffer buffer, WeightUpload upload) {
    this.buffer = buffer;
    this.upload = upload;
  }

  /** Checks that it isn't freed. */
  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the weight is closed");
    }
  }

  /** Frees it. A second close does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      upload.settle();
      buffer.close();
    }
  }
}
