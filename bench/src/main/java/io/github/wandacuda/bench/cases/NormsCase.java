package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.Arena;

/** Adds the squares of an activation matrix's columns. */
public final class NormsCase implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final WeightMatrix activations;
  private final Tensor input;
  private final ColumnSquares squares;

  /** Makes the data. */
  public NormsCase(int tokens, int columns, int threads) {
    backend = Backends.open("cpu", 0, threads).backend();
    Operations operations = backend.operations();
    activations = Matrices.normal(arena, DType.F32, tokens, columns, 1, 1);
    input = operations.tensor(tokens, columns);
    operations.upload(activations.data(), input);
    squares = operations.columnSquares(columns);
  }

  /** Adds the whole matrix. */
  public void run() {
    squares.add(input);
  }

  /** Returns the bytes that a run reads. */
  public long bytes() {
    return activations.elements() * Float.BYTES;
  }

  /**
   * Adds once and compares some columns; to be called before anything else.
   *
   * @throws IllegalStateException if a sum is wrong
   */
  public void check() {
    run();
    double[] sums = squares.sums();
    for (int column : new int[] {0, activations.columns() / 2, activations.columns() - 1}) {
      double expected = 0;
      for (int token = 0; token < activations.rows(); token++) {
        expected += Math.pow(activations.get(token, column), 2);
      }
      if (Math.abs(sums[column] - expected) > 1e-5 * expected) {
        throw new IllegalStateException(
            "column %d: %s, not %s".formatted(column, sums[column], expected));
      }
    }
  }

  @Override
  public void close() {
    squares.close();
    input.close();
    backend.close();
    arena.close();
  }
}
