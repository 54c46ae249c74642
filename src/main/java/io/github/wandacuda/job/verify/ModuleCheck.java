package io.github.wandacuda.job.verify;

import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.gguf.GgufCheckpoint;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.MaskPool;
import io.github.wandacuda.pruning.mask.RowWords;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * A job that checks a pruned module against its dense source, tile by tile, and computes its mask.
 * All modules have the same resource, as jobs of one kind do, so they are checked one after the
 * other and masks come nearly in order.
 */
final class ModuleCheck implements Job {
  /** The number of a row that stands for the whole matrix. */
  private static final int WHOLE = -1;

  private final LinearModule module;
  private final SafetensorsFile pruned;
  private final ModuleRules rules;
  private final SelectionRule.Lowest rule;
  private final Failures failures;
  private final MaskPool.Mask mask;
  private final Consumer<MemorySegment> checked;

  /** Whether the caller compares the bytes of what stays, as in GGUF codes of 0 may be -0.0. */
  private final boolean byBytes;

  private final ModuleTiles before;
  private final ModuleTiles after;
  private final LongAdder zeros = new LongAdder();
  private final LongAdder taken = new LongAdder();

  /**
   * Prepares a module, and enlarges the workers' buffers for its tiles.
   *
   * @param source the shard with its dense weights
   * @param pruned the shard with its pruned weights
   * @param rules of the module
   * @param failures takes what is wrong
   * @param masks memory for the mask
   * @param checked called with the packed mask when the module is checked
   */
  ModuleCheck(
      LinearModule module,
      SafetensorsFile source,
      SafetensorsFile pruned,
      ModuleRules rules,
      Failures failures,
      TilePairs buffers,
      MaskPool masks,
      Consumer<MemorySegment> checked) {
    this.module = module;
    this.pruned = pruned;
    this.rules = rules;
    this.failures = failures;
    mask = masks.mask(module.maskBytes());
    this.checked = checked;
    rule = rules.perRow(module.columns());
    byBytes = GgufCheckpoint.is(source);
    before = TilePairs.tiles(module, source, buffers.dense());
    after = TilePairs.tiles(module, pruned, buffers.pruned());
  }

  @Override
  public int tasks() {
    return before.tiles().count();
  }

  @Override
  public void run(int worker, int tile) {
    MemorySegment whole = mask.get();
    WeightMatrix dense = before.read(worker, tile);
    WeightMatrix zeroed = after.read(worker, tile);
    RowCheck check = new RowCheck(dense.dtype(), dense.columns(), rule, rules.zerosArePruned());
    int first = before.tiles().firstRow(tile);
    long tileZeros = 0;
    long tileTaken = 0;
    for (int row = 0; row < dense.rows(); row++) {
      check.read(dense, zeroed, row);
      if (rules.updates()) {
        requireFinite(zeroed, row, first);
      } else if (!byBytes) {
        compareKept(worker, tile, row, dense, zeroed, check);
      }
      if (rules.countsRows() && !check.hasItsZeros()) {
        reportGroups(check, first + row);
      }
      check.writeMask(whole, first + row);
      tileZeros += check.zeros();
      tileTaken += check.pruned();
    }
    zeros.add(tileZeros);
    taken.add(tileTaken);
  }

  /** Checks that what a row keeps is as it was. */
  private void compareKept(
      int worker, int tile, int row, WeightMatrix dense, WeightMatrix zeroed, RowCheck check) {
    int first = before.tiles().firstRow(tile);
    if (module.quantized() != null) {
      compareCodes(before.codes(worker, tile), after.codes(worker, tile), row, first);
    } else if (!check.keepsOrZeroes()) {
      reportChanges(dense, zeroed, row, first);
    }
  }

  /** Checks the counts of the whole module. Called once, when all tiles are done. */
  void finish() {
    long expected = rules.leastZeros(module.rows(), module.columns());
    if (zeros.sum() < expected) {
      report(WHOLE, "the matrix", expected, zeros.sum());
    }
    checked.accept(mask.get());
    mask.giveBack();
  }

  String module() {
    return module.name();
  }

  long zeros() {
    return zeros.sum();
  }

  long pruned() {
    return taken.sum();
  }

  /** Checks that fitted weights are finite, which is all that can be checked of them. */
  private void requireFinite(WeightMatrix updated, int row, int first) {
    for (int column = 0; column < updated.columns(); column++) {
      if (!Float.isFinite(updated.get(row, column))) {
        report(
            first + row,
            1,
            "row %d, column %d: expected a finite weight, found %s"
                .formatted(first + row, column, RowWords.text(updated, row, column)));
        return;
      }
    }
  }

  private void reportChanges(WeightMatrix dense, WeightMatrix zeroed, int row, int first) {
    reportChanges(
        first + row,
        column -> {
          long is = RowWords.bits(zeroed, row, column);
          return is != RowWords.bits(dense, row, column) && is != 0;
        },
        column ->
            "expected %s or 0.0, found %s"
                .formatted(RowWords.text(dense, row, column), RowWords.text(zeroed, row, column)));
  }

  private void reportChanges(int row, IntPredicate changed, IntFunction<String> what) {
    int[] columns = IntStream.range(0, module.columns()).filter(changed).toArray();
    if (columns.length == 0) {
      String behind = "row %d: expected the source's bits behind the last code, found others";
      report(row, 1, behind.formatted(row));
      return;
    }
    String more =
        columns.length > 1 ? ", and %d more of the row".formatted(columns.length - 1) : "";
    String where = "row %d, column %d: ".formatted(row, columns[0]);
    report(row, columns.length, where + what.apply(columns[0]) + more);
  }

  /**
   * Compares codes by their bits. A code may also become another one of the same number, as any
   * code may under a scale of 0.
   */
  private void compareCodes(QuantizedMatrix dense, QuantizedMatrix zeroed, int row, int first) {
    if (zeroed.keepsOrZeroes(dense, row)) {
      return;
    }
    reportChanges(
        first + row,
        column -> {
          int is = zeroed.codes().get(row, column);
          return is != dense.codes().get(row, column) && is != dense.zeroCode(row, column);
        },
        column ->
            "expected code 0x%02x (%s) or 0x%02x (0.0), found 0x%02x (%s)"
                .formatted(
                    dense.codes().get(row, column),
                    dense.get(row, column),
                    dense.zeroCode(row, column),
                    zeroed.codes().get(row, column),
                    zeroed.get(row, column)));
  }

  private void reportGroups(RowCheck check, int row) {
    int size = rule.groupSize(module.columns());
    int columns = module.columns();
    if (size >= columns) {
      report(row, "row " + row, rule.perGroup(), check.zeros());
      return;
    }
    int count = 0;
    int missing = 0;
    int worst = 0;
    for (int from = 0; from < columns; from += size) {
      int lacking = rule.perGroup() - check.zeros(from);
      if (lacking > 0) {
        count++;
        missing += lacking;
        worst = count == 1 || check.zeros(from) < check.zeros(worst) ? from : worst;
      }
    }
    String more = count > 1 ? ", and %d more groups of the row".formatted(count - 1) : "";
    report(
        row,
        missing,
        "row %d, columns %d to %d: expected at least %d zeros, found %d%s"
            .formatted(row, worst, worst + size - 1, rule.perGroup(), check.zeros(worst), more));
  }

  private void report(int row, String where, long expected, long found) {
    report(
        row,
        expected - found,
        "%s: expected at least %d zeros, found %d".formatted(where, expected, found));
  }

  private void report(int row, long weight, String what) {
    failures.add(pruned.path(), module.tensor().name(), row, weight, what);
  }
}
