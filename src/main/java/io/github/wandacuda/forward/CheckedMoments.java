package io.github.wandacuda.forward;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * Checks the operands of {@link SecondMoments}.
 *
 * @param columns of the matrices
 * @param own throws if a tensor isn't the backend's own
 * @param moments does the work; there are elements
 */
record CheckedMoments(int columns, Consumer<Tensor> own, SecondMoments moments)
    implements SecondMoments {
  @Override
  public void add(Tensor x) {
    own.accept(x);
    OperandShapes.same("columns", columns, x.columns());
    if (x.rows() > 0 && columns > 0) {
      moments.add(x);
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
