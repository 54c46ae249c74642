package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.LongAdder;

/**
 * Checks one pruned module against its dense source, and works out the mask that made it.
 *
 * <p>The mask follows from the two alone. An element that changed was pruned. Where the source has
 * zeros of its own, the mask took the first of them by column, as many as the rule asks for beyond
 * the changed ones: among equal scores the lower column goes first, and no score is below a zero's.
 */
final class ModuleVerifier {
  private final LinearModule module;
  private final SafetensorsFile pruned;
  private final PruningRules rules;
  private final Failures failures;

  ModuleVerifier(
      LinearModule module, SafetensorsFile pruned, PruningRules rules, Failures failures) {
    this.module = module;
    this.pruned = pruned;
    this.rules = rules;
    this.failures = failures;
  }

  /** Checks all rows and fills the packed mask. */
  void verify(Workers workers, MemorySegment mask) {
    LongAdder zeros = new LongAdder();
    TileMemory memory = TileMemory.inCache(workers.count());
    try (TileBuffers denseRows = new TileBuffers(memory);
        TileBuffers prunedRows = new TileBuffers(memory)) {
      TileSource before = tiles(module.shard(), denseRows);
      TileSource after = tiles(pruned, prunedRows);
      RowTiles tiles = before.tiles();
      workers.run(
          tiles.count(),
          (worker, tile) -> {
            Rows rows =
                new Rows(
                    before.read(worker, tile),
                    after.read(worker, tile),
                    tiles.firstRow(tile),
                    mask);
            for (int row = 0; row < tiles.rowsOf(tile); row++) {
              zeros.add(rows.verify(row));
            }
          });
    }
    if (rules.needsThreshold() && module.elements() > 0) {
      long expected = ((Sparsity.Ratio) rules.sparsity()).of(module.elements()) + 1;
      requireZeros("the matrix", expected, zeros.sum());
    }
  }

  private TileSource tiles(SafetensorsFile file, TileBuffers buffers) {
    return new ModuleTiles(
        module, file, null, null, buffers, new PhaseClock(buffers.memory().workers()));
  }

  private void requireZeros(String where, long expected, long found) {
    if (found < expected) {
      failures.add(
          "%s: %s: expected at least %d zeros, found %d"
              .formatted(module.name(), where, expected, found));
    }
  }

  /** One worker's view of the rows of a tile. */
  private final class Rows {
    private final WeightMatrix dense;
    private final WeightMatrix zeroed;
    private final int firstRow;
    private final RowBits before;
    private final RowBits after;
    private final MemorySegment mask;
    private final long maskRowBytes;
    private final int groupSize;
    private final int groupCount;

    Rows(WeightMatrix dense, WeightMatrix zeroed, int firstRow, MemorySegment mask) {
      this.dense = dense;
      this.zeroed = zeroed;
      this.firstRow = firstRow;
      this.mask = mask;
      int columns = dense.columns();
      before = new RowBits(dense.dtype(), columns);
      after = new RowBits(dense.dtype(), columns);
      maskRowBytes = Selector.maskRowBytes(columns);
      if (rules.needsThreshold()) {
        groupSize = columns;
        groupCount = columns;
      } else if (rules.sparsity() instanceof Sparsity.GroupPattern pattern) {
        groupSize = pattern.size();
        groupCount = pattern.pruned();
      } else {
        groupSize = columns;
        groupCount = Math.toIntExact(((Sparsity.Ratio) rules.sparsity()).of(columns));
      }
    }

    /** Checks a row of the tile and returns its zeros. */
    int verify(int row) {
      before.read(dense, row);
      after.read(zeroed, row);
      int zeros = 0;
      for (int from = 0; from < before.columns(); from += groupSize) {
        zeros += verifyGroup(row, from, Math.min(groupSize, before.columns() - from));
      }
      return zeros;
    }

    private int verifyGroup(int row, int from, int size) {
      int zeros = 0;
      int changed = 0;
      for (int column = from; column < from + size; column++) {
        zeros += after.isZero(column) ? 1 : 0;
        if (before.bits(column) != after.bits(column)) {
          checkChange(row, column);
        }
        changed += after.isZero(column) && !before.isZero(column) ? 1 : 0;
      }
      if (!rules.needsThreshold()) {
        String where =
            groupSize == before.columns()
                ? "row " + (firstRow + row)
                : "row %d, columns %d to %d".formatted(firstRow + row, from, from + size - 1);
        requireZeros(where, groupCount, zeros);
      }
      fillMask(row, from, size, groupCount - changed);
      return zeros;
    }

    private void checkChange(int row, int column) {
      if (after.bits(column) != 0) {
        failures.add(
            "%s: row %d, column %d: expected %s or 0.0, found %s"
                .formatted(
                    module.name(),
                    firstRow + row,
                    column,
                    dense.get(row, column),
                    zeroed.get(row, column)));
      }
    }

    /** Marks what is kept; of the source's own zeros the first {@code prunedZeros} are not. */
    private void fillMask(int row, int from, int size, int prunedZeros) {
      int left = prunedZeros;
      for (int column = from; column < from + size; column++) {
        boolean kept = !after.isZero(column) || (before.isZero(column) && left-- <= 0);
        if (kept) {
          long at = (firstRow + row) * maskRowBytes + column / 8;
          byte bits = mask.get(ValueLayout.JAVA_BYTE, at);
          mask.set(ValueLayout.JAVA_BYTE, at, (byte) (bits | 1 << column % 8));
        }
      }
    }
  }
}
