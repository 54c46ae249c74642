package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.scalar.RowElements;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Checks that weights are finite, and says where one that isn't is: in the matrix rather than in
 * its tile, and in the model.
 */
public final class FiniteWeights {
  private FiniteWeights() {}

  /**
   * Works on a tile.
   *
   * @param firstRow where the tile starts in its matrix
   * @throws NonFiniteWeightException what the work throws, by its place in the matrix
   */
  public static void locate(int firstRow, Runnable work) {
    try {
      work.run();
    } catch (NonFiniteWeightException e) {
      throw new NonFiniteWeightException(firstRow + e.row(), e.column(), e.value());
    }
  }

  /**
   * Reads a row, widened exactly.
   *
   * @param values takes one for each column
   * @throws NonFiniteWeightException if one is NaN or infinite
   */
  public static void read(RowReader weights, int row, float[] values) {
    weights.read(row, 0, values.length, values, 0);
    int highest = 0;
    for (float value : values) {
      highest = Math.max(highest, Float.floatToRawIntBits(Math.abs(value)));
    }
    for (int column = 0; highest >= RowElements.INFINITY; column++) {
      if (!Float.isFinite(values[column])) {
        throw new NonFiniteWeightException(row, column, values[column]);
      }
    }
  }

  /**
   * Checks all weights of a module.
   *
   * @throws InputException if one isn't finite; the message names its place
   */
  public static void require(LinearModule module) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate(module.tensor().bytes());
      module.shard().read(module.tensor(), 0, bytes);
      RowReader weights = module.rows(bytes);
      float[] row = new float[weights.columns()];
      for (int at = 0; at < weights.rows(); at++) {
        read(weights, at, row);
      }
    } catch (NonFiniteWeightException e) {
      throw problem(module, e);
    }
  }

  /**
   * Returns the failure of a module that holds such a weight.
   *
   * @param e by its place in the module
   */
  public static InputException problem(LinearModule module, NonFiniteWeightException e) {
    return module
        .place()
        .wrong(
            "finite weights", "%s at row %d, column %d".formatted(e.value(), e.row(), e.column()));
  }
}
