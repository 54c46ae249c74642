package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.select.SelectionRule;
import java.lang.foreign.MemorySegment;

/**
 * Writes a module's result into the bytes of a tile, row by row, and counts. The mask is changed so
 * that it can be told from the written weights alone, since the verification sees nothing else.
 */
public final class PrunedTile {
  private final ModuleRules rules;
  private final MemorySegment mask;
  private final SelectionRule.Lowest rule;
  private final boolean[] kept;
  private final float[] values;

  /** How many weights of the tiles so far the mask takes out. */
  public long pruned;

  /** How many weights of the tiles so far are zero. */
  public long zeros;

  /** How many rows of the tiles so far hold nothing but zeros. */
  public int zeroRows;

  /**
   * Prepares for tiles of a module.
   *
   * @param mask of the whole module, changed as tiles are written
   */
  public PrunedTile(ModuleRules rules, MemorySegment mask, int columns) {
    this.rules = rules;
    this.mask = mask;
    rule = rules.perRow(columns);
    kept = new boolean[columns];
    values = new float[columns];
  }

  /**
   * Writes a tile.
   *
   * @param weights the tile as the source has it, which becomes the result
   * @param updated the kept weights of the whole module, or null if they stay as they are
   * @param firstRow where the tile begins in the module
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight of the source is NaN or
   *     infinite, by its row in the tile
   * @throws UnfitResultException if an updated weight is too large for the tile's type
   */
  public void write(WeightMatrix weights, WeightMatrix updated, int firstRow) {
    for (int row = 0; row < weights.rows(); row++) {
      FiniteWeights.read(weights, row, values);
      PackedMasks.read(mask, firstRow + row, kept);
      if (!rules.zerosArePruned()) {
        keepLastOwnZeros();
      }
      writeRow(weights, row, updated, firstRow + row);
      PackedMasks.write(kept, mask, firstRow + row);
    }
  }

  private void writeRow(WeightMatrix weights, int row, WeightMatrix updated, int moduleRow) {
    int rowZeros = 0;
    for (int column = 0; column < kept.length; column++) {
      float value = kept[column] ? values[column] : 0;
      if (kept[column] && updated != null) {
        value = fitted(weights, updated, moduleRow, column);
        weights.set(row, column, value);
      }
      kept[column] &= value != 0 || !rules.zerosArePruned();
      if (!kept[column]) {
        weights.set(row, column, 0);
        pruned++;
      }
      rowZeros += value == 0 ? 1 : 0;
    }
    zeros += rowZeros;
    zeroRows += rowZeros == kept.length ? 1 : 0;
  }

  private static float fitted(WeightMatrix weights, WeightMatrix updated, int row, int column) {
    float exact = updated.get(row, column);
    float value = weights.dtype().rounded(exact);
    if (!Float.isFinite(exact) || !Float.isFinite(value)) {
      throw new UnfitResultException(
          "fitted weights that %s holds".formatted(weights.dtype()),
          "%s at row %d, column %d".formatted(exact, row, column));
    }
    return value;
  }

  /**
   * Moves the pruned ones among the source's own zeros to the front of each group: they have the
   * same score, and the verification, which can't tell them apart, takes the first ones for pruned.
   * As many of them stay pruned as before.
   */
  private void keepLastOwnZeros() {
    int size = rule.groupSize(kept.length);
    for (int from = 0; from < kept.length; from += size) {
      int to = Math.min(kept.length, from + size);
      int own = 0;
      for (int column = from; column < to; column++) {
        own += values[column] == 0 && !kept[column] ? 1 : 0;
      }
      for (int column = from; column < to; column++) {
        if (values[column] == 0) {
          kept[column] = own == 0;
          own -= own == 0 ? 0 : 1;
        }
      }
    }
  }
}
