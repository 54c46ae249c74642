package io.github.wandacuda.forward;

import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/**
 * Checks the operands of {@link SecondMoments}.
 *
 * @param columns of the matrices
 * @param own takes a tensor for the backend's own, or throws
 * @param moments does the work; there are elements
 */
record CheckedMoments<T extends Tensor>(
    int columns, Function<Tensor, T> own, BackendOperations.Moments<T> moments)
    implements SecondMoments {
  @Override
  public void add(Tensor x) {
    T matrix = own.apply(x);
    OperandShapes.same("columns", columns, matrix.columns());
    if (matrix.rows() > 0 && columns > 0) {
      moments.add(matrix);
    }
  }

  @Override
  public void download(double divisor, MemorySegment triangle) {
    if (!(divisor > 0)) {
      throw new IllegalArgumentException("divisor: expected more than 0, found " + divisor);
    }
    long bytes = PackedTriangle.elements(columns) * Float.BYTES;
    if (triangle.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "host memory: expected %d bytes, found %d".formatted(bytes, triangle.byteSize()));
    }
    if (bytes > 0) {
      moments.download(divisor, triangle);
    }
  }

  @Override
  public void close() {
    moments.close();
  }
}
