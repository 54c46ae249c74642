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

  private final WeightMatrix host;
  private final WeightUpload upload;

  /** Owns the weight in host memory, or null. */
  private final HostMemory hostMemory;

  /** The weight on the device, and what owns it there; null if it isn't there. */
  private final DeviceRows matrix;

  private final WeightMemory memory;

  /**
   * Copies a weight to the device, if it fits.
   *
   * @param host the weight, in memory that must not change until this is closed
   * @param upload copies rows to the device
   */
  GpuDenseWeight(WeightMatrix host, WeightUpload upload) {
    this(host, null, upload);
  }

  private GpuDenseWeight(WeightMatrix host, HostMemory hostMemory, WeightUpload upload) {
    this.host = host;
    this.hostMemory = hostMemory;
    this.upload = upload;
    DeviceBuffer buffer = upload.allocate(RowLayout.devicePitch(host) * host.rows());
    memory = buffer == null ? null : new WeightMemory(buffer, upload);
    matrix = buffer == null ? null : RowLayout.onDevice(host, buffer.at(0), host.rows());
    if (buffer != null) {
      fill();
    }
  }

  private void fill() {
    try {
      upload.upload(host, matrix);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Makes a dense weight of a packed one, in host memory of its own. */
  static GpuDenseWeight unpacked(SparseMatrix packed, WeightUpload upload) {
    HostMemory memory = new HostMemory();
    try {
      long bytes = (long) packed.rows() * packed.columns() * packed.dtype().bytes();
      MemorySegment dense = memory.arena.allocate(bytes, ALIGNMENT);
      WeightMatrix host = WeightMatrix.of(dense, packed.dtype(), packed.rows(), packed.columns());
      packed.unpack(host);
      return new GpuDenseWeight(host, memory, upload);
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
    memory.requireOpen();
    return matrix;
  }

  @Override
  public int rows() {
    return host.rows();
  }

  @Override
  public int columns() {
    return host.columns();
  }

  @Override
  public boolean ownsMemory() {
    return hostMemory != null;
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.close();
    }
    if (hostMemory != null) {
      hostMemory.close();
    }
  }

  /** An unpacked weight's memory. A second close does nothing. */
  private static final class HostMemory implements AutoCloseable {
    private final Arena arena = Arena.ofShared();

    @Override
    public void close() {
      if (arena.scope().isAlive()) {
        arena.close();
      }
    }
  }
}
