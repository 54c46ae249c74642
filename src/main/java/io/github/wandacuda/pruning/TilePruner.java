package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.mask.FiniteWeights;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;

/**
 * Prunes one matrix tile by tile, in any order and from several workers, and counts. It holds
 * memory of the device from the first tile on, until it is closed.
 */
final class TilePruner implements AutoCloseable {
  private final Selector selector;
  private final SelectionRule rule;
  private final TileSource source;
  private final float[] norms;
  private final ResidentMatrix resident;
  private final long maskRowBytes;
  private final PhaseClock clock;
  private final LongAdder pruned = new LongAdder();
  private final LongAdder zeros = new LongAdder();
  private final LongAdder zeroRows = new LongAdder();
  private SelectionPlan plan;

  /**
   * Prepares a matrix.
   *
   * @param rule what is pruned
   * @param source the weights, which take the result back
   * @param norms the norm of each input column, or null to score by magnitude alone
   * @param resident the matrix on the device, to be pruned there too, or null
   * @param clock takes the time of selecting
   */
  public TilePruner(
      Selector selector,
      SelectionRule rule,
      TileSource source,
      float[] norms,
      ResidentMatrix resident,
      PhaseClock clock) {
    this.selector = selector;
    this.rule = rule;
    this.source = source;
    this.norms = norms;
    this.resident = resident;
    this.clock = clock;
    maskRowBytes = Selector.maskRowBytes(source.columns());
  }

  /**
   * Prunes a tile.
   *
   * @param worker the one that calls
   * @param mask the whole matrix's packed mask, which gets the tile's rows, or null if the matrix
   *     isn't on the device
   * @throws NonFiniteWeightException if a weight is NaN or infinite, by its place in the matrix
   */
  public void prune(int worker, int tile, MemorySegment mask) {
    int first = source.tiles().firstRow(tile);
    int rows = source.tiles().rowsOf(tile);
    boolean asStored = resident == null && selector.takesCodes();
    RowReader weights = asStored ? source.stored(worker, tile) : source.read(worker, tile);
    MemorySegment tileMask =
        mask == null ? null : mask.asSlice(first * maskRowBytes, rows * maskRowBytes);
    long start = System.nanoTime();
    FiniteWeights.locate(
        first,
        () -> {
          Selection selection = select(first, weights, tileMask);
          pruned.add(selection.pruned());
          zeros.add(selection.zeros());
        });
    clock.addSelect(System.nanoTime() - start);
    source.write(worker, tile, asStored ? null : tileMask, false);
    zeroRows.add(zeroRows(weights));
  }

  private Selection select(int first, RowReader rows, MemorySegment mask) {
    if (rows instanceof QuantizedMatrix codes) {
      return plan(DType.F32).select(codes, mask);
    }
    WeightMatrix weights = (WeightMatrix) rows;
    SelectionPlan prepared = plan(weights.dtype());
    return resident == null
        ? prepared.select(weights, weights, mask)
        : prepared.select(resident, first, weights, mask);
  }

  /** Returns the plan that all tiles share, made for the first of them. */
  private synchronized SelectionPlan plan(DType dtype) {
    if (plan == null) {
      plan = selector.prepare(dtype, source.columns(), norms, rule);
    }
    return plan;
  }

  /** Gives back what the tiles took of the device, once none is under way. */
  @Override
  public synchronized void close() {
    if (plan != null) {
      plan.close();
      plan = null;
    }
  }

  /**
   * Returns what became of the module that the matrix is of, once all tiles are pruned.
   *
   * @param norms that it was calibrated with, or null
   */
  public ModuleResult result(LinearModule module, float[] norms) {
    return new ModuleResult(module, pruned.sum(), zeros.sum(), zeroRows.intValue(), norms, null);
  }

  /**
   * Returns how many rows hold nothing but zeros. It looks at a row up to its first weight that
   * isn't zero, which is soon.
   */
  private static int zeroRows(RowReader weights) {
    int count = 0;
    for (int row = 0; row < weights.rows(); row++) {
      int column = 0;
      while (column < weights.columns() && weights.get(row, column) == 0) {
        column++;
      }
      count += column == weights.columns() ? 1 : 0;
    }
    return count;
  }
}
