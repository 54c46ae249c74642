package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A packed weight on the device, which is multiplied as it is by a few rows. More rows are
 * multiplied by the dense weight, which is written piece by piece for the time of the call.
 */
final class GpuSparseWeight extends GpuWeight {
  /** Where each of the three parts may begin. */
  private static final long ALIGNMENT = 256;

  private final DeviceSparse matrix;

  private GpuSparseWeight(DeviceBuffer buffer, SparseMatrix host, WeightUpload upload) {
    super(buffer, upload);
    long bits = aligned(host.values().byteSize());
    DevicePointer bitmask = buffer.at(bits);
    DevicePointer offsets = buffer.at(bits + aligned(host.bitmask().byteSize()));
    DType dtype = host.dtype();
    matrix = new DeviceSparse(buffer.at(0), bitmask, offsets, dtype, host.rows(), host.columns());
  }

  /**
   * Copies a packed weight to the device; if it doesn't fit, it is unpacked in host memory, whose
   * rows are copied whenever it is used.
   *
   * @param upload copies to the device
   */
  static GpuWeight of(SparseMatrix host, WeightUpload upload) {
    DeviceBuffer buffer = upload.allocate(bytes(host));
    if (buffer == null) {
      return GpuDenseWeight.unpacked(host, upload);
    }
    GpuSparseWeight weight = new GpuSparseWeight(buffer, host, upload);
    try {
      weight.fill(host);
    } catch (RuntimeException e) {
      weight.close();
      throw e;
    }
    return weight;
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  private static long bytes(SparseMatrix host) {
    return aligned(host.values().byteSize())
        + aligned(host.bitmask().byteSize())
        + host.rowOffsets().byteSize();
  }

  private void fill(SparseMatrix host) {
    copy(host.values(), matrix.values());
    copy(host.bitmask(), matrix.bitmask());
    copy(host.rowOffsets(), matrix.rowOffsets());
  }

  private void copy(MemorySegment from, DevicePointer to) {
    if (from.byteSize() == 0) {
      return;
    }
    if (from.isNative()) {
      upload.upload(from, to);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      upload.upload(arena.allocate(from.byteSize(), Long.BYTES).copyFrom(from), to);
    }
  }

  @Override
  void linear(GpuTensor x, GpuTensor bias, GpuTensor out) {
    requireOpen();
    if (x.rows() > SparseMatrix.MOST_ROWS) {
      upload.unpack(matrix, (rows, first) -> upload.linear(x, rows, first, bias, out));
    } else {
      upload.sparse(x, matrix, bias, out);
    }
  }

  @Override
  DeviceRows whole() {
    throw new IllegalArgumentException("a packed weight is for linear layers alone");
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
}
