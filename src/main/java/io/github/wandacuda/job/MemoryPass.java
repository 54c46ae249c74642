package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.TaskPass;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Prunes a model in memory, one block at a time, as a calibrated run does, and runs other sequences
 * through each block right after it is pruned. Nothing is written, and memory holds one block.
 *
 * @param model the dense model
 * @param backend does the work
 * @param rules what is done to the modules
 * @param chosen the modules, in code-point order of their names
 */
record MemoryPass(
    ModelDirectory model, Backend backend, PruningRules rules, List<LinearModule> chosen) {
  /** Calibration samples pass each block dense, and pruned; then tested ones pass it. */
  private static final int PASSES = 3;

  /**
   * What came of it.
   *
   * @param losses the mean next-token negative log-likelihood of each tested sequence
   * @param scores of the tasks
   * @param modules what became of each module
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  record Result(double[] losses, List<TaskScore> scores, List<ModuleResult> modules) {}

  /**
   * Prunes and tests.
   *
   * @param calibration what the modules' norms come from
   * @param tested sequences of one length that the pruned model predicts
   * @param tasks what the pruned model is asked
   * @param measured whether the error of each module's outputs is measured, whatever the method
   * @param masks takes each module's mask
   * @param progress is told of each block
   */
  Result run(
      Calibration calibration,
      List<int[]> tested,
      Optional<Evaluation> tasks,
      boolean measured,
      MaskSink masks,
      Progress progress) {
    try (Workers workers = new Workers(backend.concurrency())) {
      PhaseClock clock = new PhaseClock(workers.count());
      boolean sampled = calibration instanceof Calibration.FromSamples;
      boolean moments = sampled && (measured || rules.needMoments());
      Map<String, float[]> norms =
          calibration instanceof Calibration.FromStatistics from
              ? from.statistics().norms()
              : Map.of();
      try (ModulePruner pruner =
              new ModulePruner(backend, workers, rules, chosen, new MemoryShards(), masks, clock);
          Decoder decoder = DecoderFamilies.open(model, backend.forwards(moments));
          BlockwiseRun calibrating =
              calibration instanceof Calibration.FromSamples samples
                  ? new BlockwiseRun(decoder, backend.operations(), samples.samples())
                  : null;
          BlockwiseRun testing = new BlockwiseRun(decoder, backend.operations(), tested);
          TaskPass asking =
              tasks.map(given -> given.pass(decoder, backend.operations())).orElse(null)) {
        BlockPruner blocks =
            new BlockPruner(backend, pruner, chosen, moments, Optional.empty(), clock);
        blocks.requireInside(decoder);
        List<ModuleResult> results = new ArrayList<>();
        int passes = sampled ? PASSES : 1;
        SampleProgress passing = new SampleProgress(progress, decoder.blocks(), passes);
        if (sampled) {
          calibrating.watchedBy(passing);
        }
        testing.watchedBy(passing);
        progress.begin(0);
        for (int index = 0; index < decoder.blocks(); index++) {
          try (Arena arena = Arena.ofShared();
              Block block = decoder.block(index)) {
            passing.begin(index, 0, "sample");
            results.addAll(
                sampled
                    ? blocks.prune(calibrating, block, arena)
                    : blocks.prune(norms, block, arena));
            decoder.readAhead(index + 1);
            if (sampled) {
              passing.begin(index, 1, "sample after pruning");
            }
            if (sampled && index + 1 < decoder.blocks()) {
              calibrating.advance(block);
            }
            passing.begin(index, passes - 1, "tested sample");
            testing.advance(block);
            if (asking != null) {
              asking.advance(block);
            }
          }
          progress.step("block", index + 1, decoder.blocks());
        }
        double[] losses =
            IntStream.range(0, tested.size()).mapToDouble(testing::meanLoss).toArray();
        return new Result(losses, asking == null ? List.of() : asking.scores(), results);
      }
    }
  }
}
