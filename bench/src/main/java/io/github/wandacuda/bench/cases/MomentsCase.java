package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Adds the second moments of an activation matrix's columns. */
public final class MomentsCase implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final WeightMatrix activations;
  private final Tensor input;
  private final SecondMoments moments;

  /** Makes the data. */
  public MomentsCase(int tokens, int columns, int threads) {
    backend = Backends.open("cpu", 0, threads).backend();
    Operations operations = backend.operations();
    activations = Matrices.normal(arena, DType.F32, tokens, columns, 1, 1);
    input = operations.tensor(tokens, columns);
    operations.upload(activations.data(), input);
    moments = operations.secondMoments(columns);
  }

  /** Adds the whole matrix. */
  public void run() {
    moments.add(input);
  }

  /** Returns the floating-point operations of a run: of the pairs i &lt;= j alone. */
  public double flops() {
    return 2.0 * activations.rows() * PackedTriangle.elements(activations.columns());
  }

  /**
   * Adds once and compares some pairs; to be called before anything else.
   *
   * @throws IllegalStateException if a sum is wrong
   */
  public void check() {
    run();
    int last = activations.columns() - 1;
    try (Arena place = Arena.ofShared()) {
      MemorySegment triangle =
          place.allocate(PackedTriangle.elements(last + 1) * Float.BYTES, Long.BYTES);
      moments.download(activations.rows(), triangle);
      check(0, 0, triangle);
      check(0, last, triangle);
      check(last / 2, last, triangle);
      check(last, last, triangle);
    }
  }

  private void check(int i, int j, MemorySegment triangle) {
    double expected = 0;
    for (int token = 0; token < activations.rows(); token++) {
      expected += (double) activations.get(token, i) * activations.get(token, j);
    }
    expected /= activations.rows();
    long at = PackedTriangle.rowStart(activations.columns(), i) + j - i;
    float found = triangle.getAtIndex(ValueLayout.JAVA_FLOAT, at);
    if (Math.abs(found - expected) > 1e-5) {
      throw new IllegalStateException(
          "columns %d and %d: %s, not %s".formatted(i, j, found, expected));
    }
  }

  @Override
  public void close() {
    moments.close();
    input.close();
    backend.close();
    arena.close();
  }
}
