package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A weight whose elements are all stored. It is on the device if enough memory remains free; else
 * it is in host memory, and its rows are copied in tiles whenever it is used.
 */
final class GpuDenseWeight extends GpuWeight {
  private static final long ALIGNMENT = 64;

  /** The weight in host memory, or null if it is on the device alone. */
  private final WeightMatrix host;

  /** Owns the weight in host memory, or null. */
  private final Arena hostMemory;

  /** The weight on the device; null if it isn't there. */
  private final DeviceRows matrix;

  /**
   * Takes over a weight that is on the device alone.
   *
   * @param buffer its memory, which is freed with it
   * @param matrix how it lies there
   */
  GpuDenseWeight(DeviceBuffer buffer, DeviceRows matrix, WeightUpload upload) {
    this(null, null, buffer, matrix, upload);
  }

  private GpuDenseWeight(
      WeightMatrix host,
      Arena hostMemory,
      DeviceBuffer buffer,
      DeviceRows matrix,
      WeightUpload upload) {
    super(buffer, upload);
    this.host = host;
    this.hostMemory = hostMemory;
    this.matrix = matrix;
  }

  /**
   * Copies a weight to the device, if it fits.
   *
   * @param host the weight, in memory that must not change until this is closed
   * @param upload copies rows to the device
   */
  static GpuDenseWeight of(WeightMatrix host, WeightUpload upload) {
    return of(host, null, upload);
  }

  private static GpuDenseWeight of(WeightMatrix host, Arena hostMemory, WeightUpload upload) {
    DeviceBuffer buffer = upload.allocate(RowLayout.devicePitch(host) * host.rows());
    if (buffer == null) {
      return new GpuDenseWeight(host, hostMemory, null, null, upload);
    }
    try {
      DeviceRows matrix = RowLayout.onDevice(host, buffer.at(0), host.rows());
      upload.upload(host, matrix);
      return new GpuDenseWeight(host, hostMemory, buffer, matrix, upload);
    } catch (RuntimeException e) {
      upload.settle();
      buffer.close();
      throw e;
    }
  }

  /** Makes a dense weight of a packed one, in host memory of its own. */
  @SuppressWarnings("MustBeClosedChecker") // Closed with the weight.
  static GpuDenseWeight unpacked(SparseMatrix packed, WeightUpload upload) {
    Arena memory = Arena.ofShared();
    try {
      long bytes = (long) packed.rows() * packed.columns() * packed.dtype().bytes();
      MemorySegment dense = memory.allocate(bytes, ALIGNMENT);
      WeightMatrix host = WeightMatrix.of(dense, packed.dtype(), packed.rows(), packed.columns());
      packed.unpack(host);
      return of(host, memory, upload);
    } catch (RuntimeException e) {
      memory.close();
      throw e;
    }
  }

  @Override
  void linear(GpuTensor x, GpuTensor bias, GpuTensor out) {
    if (matrix != null) {
      upload.linear(x, whole(), 0, bias, out);
    } else {
      upload.stream(host, (rows, first) -> upload.linear(x, rows, first, bias, out));
    }
  }

  @Override
  public Optional<DeviceRows> resident() {
    return matrix == null ? Optional.empty() : Optional.of(whole());
  }

  /**
   * {@inheritDoc}
   *
   * @throws DeviceMemoryException if they aren't on the device
   */
  @Override
  DeviceRows whole() {
    if (matrix == null) {
      throw upload.lacking(RowLayout.devicePitch(host) * host.rows());
    }
    requireOpen();
    return matrix;
  }

  @Override
  public int rows() {
    return host == null ? matrix.rows() : host.rows();
  }

  @Override
  public int columns() {
    return host == null ? matrix.columns() : host.columns();
  }

  @Override
  public boolean ownsMemory() {
    return host == null || hostMemory != null;
  }

  @Override
  public void close() {
    super.close();
    if (hostMemory != null && hostMemory.scope().isAlive()) {
      hostMemory.close();
    }
  }
}
