package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.output.ModuleTiles;
import io.github.wandacuda.job.output.RowCheck;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToIntFunction;

/**
 * Checks modules that were pruned in their own files, by reading the files again. A weight's bytes
 * must have the checksum of what was written, which {@link
 * io.github.wandacuda.job.output.CheckedTiles} has checked; and every row, group or matrix must
 * have enough zeros.
 */
final class InPlaceCheck {
  private final Workers workers;
  private final PruningRules rules;

  InPlaceCheck(Workers workers, PruningRules rules) {
    this.workers = workers;
    this.rules = rules;
  }

  /**
   * Checks all modules.
   *
   * @param results the modules' results
   * @param checksums the checksum that a module's bytes should have
   * @throws VerificationException if something is wrong
   */
  void check(List<ModuleResult> results, ToIntFunction<LinearModule> checksums) {
    for (ModuleResult result : results) {
      LinearModule module = result.module();
      SafetensorsFile shard = module.shard();
      try (WrittenShard written = open(shard.path(), shard)) {
        if (!written.holds(module.tensor(), checksums.applyAsInt(module))) {
          throw wrong(module, "its bytes are not those that were written");
        }
      }
      checkZeros(result);
    }
  }

  private static WrittenShard open(Path path, SafetensorsFile shard) {
    return WrittenShard.open(path, shard)
        .orElseThrow(
            () ->
                new VerificationException(
                    ErrorDetails.file(path).said("its header is not the one it had")));
  }

  private void checkZeros(ModuleResult result) {
    LinearModule module = result.module();
    LongAdder zeros = new LongAdder();
    int count = workers.count();
    try (TileBuffers buffers = new TileBuffers(TileMemory.inCache(count))) {
      TileSource source =
          new ModuleTiles(module, module.shard(), null, buffers, new PhaseClock(count));
      workers.run(
          source.tiles().count(),
          (worker, tile) ->
              zeros.add(zeros(module, source.read(worker, tile), source.tiles().firstRow(tile))));
    }
    if (zeros.sum() != result.zeros()) {
      throw wrong(module, "expected %d zeros, found %d".formatted(result.zeros(), zeros.sum()));
    }
  }

  /** Returns the number of zeros in some rows, and checks that there are enough. */
  private long zeros(LinearModule module, WeightMatrix weights, int firstRow) {
    ModuleRules asked = rules.of(module);
    SelectionRule.Lowest rule = asked.perRow(weights.columns());
    RowCheck row = new RowCheck(weights.dtype(), weights.columns(), rule, asked.zerosArePruned());
    long zeros = 0;
    for (int index = 0; index < weights.rows(); index++) {
      row.read(weights, weights, index);
      if (asked.countsRows() && !row.hasItsZeros()) {
        throw wrong(
            module,
            "row %d: expected at least %d zeros in every %d columns, found less"
                .formatted(firstRow + index, rule.perGroup(), rule.groupSize(weights.columns())));
      }
      zeros += row.zeros();
    }
    return zeros;
  }

  private static VerificationException wrong(LinearModule module, String what) {
    return new VerificationException(
        ErrorDetails.file(module.shard().path()).tensor(module.tensor().name()).said(what));
  }
}
