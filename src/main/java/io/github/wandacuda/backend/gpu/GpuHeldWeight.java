package io.github.wandacuda.backend.gpu;

import java.util.Optional;

/** A weight whose elements are all stored, on the device alone. */
final class GpuHeldWeight extends GpuWeight {
  private final WeightMemory memory;
  private final DeviceRows matrix;
  private final WeightUpload upload;

  /**
   * Takes over a weight.
   *
   * @param buffer its memory, which is freed with it
   * @param matrix how it lies there
   */
  GpuHeldWeight(DeviceBuffer buffer, DeviceRows matrix, WeightUpload upload) {
    memory = new WeightMemory(buffer, upload);
    this.matrix = matrix;
    this.upload = upload;
  }

  @Override
  void linear(GpuTensor x, GpuTensor bias, GpuTensor out) {
    upload.linear(x, whole(), 0, bias, out);
  }

  @Override
  public Optional<DeviceRows> resident() {
    return Optional.of(whole());
  }

  @Override
  DeviceRows whole() {
    memory.requireOpen();
    return matrix;
  }

  @Override
  public int rows() {
    return matrix.rows();
  }

  @Override
  public int columns() {
    return matrix.columns();
  }

  @Override
  public boolean ownsMemory() {
    return true;
  }

  @Override
  public void close() {
    memory.close();
  }
}
