package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.bench.common.WeightBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Random rows in host memory, which are repeated down a matrix on the device: enough of them that
 * rows differ as they do in a model, few enough to be made in no time.
 */
final class SampleRows {
  private static final int MOST = 256;

  private final WeightMatrix rows;

  private SampleRows(WeightMatrix rows) {
    this.rows = rows;
  }

  static SampleRows of(
      Arena arena, DType dtype, int matrixRows, int columns, WeightKind kind, double scale) {
    int count = Math.min(matrixRows, MOST);
    long pitch = stride(dtype, columns) * dtype.bytes();
    MemorySegment data = arena.allocate(count * pitch, 64);
    IntStream.range(0, count)
        .parallel()
        .forEach(row -> fill(data.asSlice(row * pitch, pitch), dtype, columns, kind, scale, row));
    return new SampleRows(new WeightMatrix(data, dtype, count, columns, stride(dtype, columns), 1));
  }

  /** Returns the distance between rows, in elements, that keeps each where the kernels want it. */
  static long stride(DType dtype, int columns) {
    int elements = GpuSelectKernels.ROW_ALIGNMENT / dtype.bytes();
    return Math.ceilDiv(columns, elements) * (long) elements;
  }

  private static void fill(
      MemorySegment row, DType dtype, int columns, WeightKind kind, double scale, int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int column = 0; column < columns; column++) {
      float value = (float) (kind.next(random) * scale);
      WeightBytes.set(row, dtype, column, value);
    }
  }

  /** Returns how many rows there are before they repeat. */
  int count() {
    return rows.rows();
  }

  int columns() {
    return rows.columns();
  }

  /** Returns an element of the matrix that the rows are repeated down. */
  float get(int row, int column) {
    return rows.get(row % rows.rows(), column);
  }

  /** Queues the copies that fill a matrix on the device. */
  void fill(DeviceQueue queue, DeviceRows matrix) {
    long rowBytes = (long) matrix.columns() * matrix.dtype().bytes();
    long pitch = rows.rowStride() * matrix.dtype().bytes();
    long devicePitch = matrix.pitch();
    for (int row = 0; row < matrix.rows(); row += rows.rows()) {
      int count = Math.min(rows.rows(), matrix.rows() - row);
      DevicePointer to = matrix.rowRange(row, count).data();
      queue.copy(Place.of(rows.data(), pitch), Place.of(to, devicePitch), rowBytes, count);
    }
  }
}
