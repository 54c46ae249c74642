package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.DenseReference;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.ForwardPass;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Prunes a model in memory as a calibrated run does, and runs other sequences through each block
 * right after it is pruned. Nothing is written.
 */
public final class MemoryPass implements BlockPass.Sink {
  private final List<int[]> tested;
  private final Optional<DenseReference> dense;
  private final Optional<Evaluation> tasks;
  private final Workers workers;
  private SampleProgress passing;
  private int pass;
  private final List<BlockwiseRun> testing = new ArrayList<>();
  private ForwardPass asking;
  private Decoder tester;
  private double[] losses;
  private DenseReference.Judged judged;
  private List<TaskScore> scores;

  private MemoryPass(
      List<int[]> tested,
      Optional<DenseReference> dense,
      Optional<Evaluation> tasks,
      Workers workers) {
    this.tested = tested;
    this.dense = dense;
    this.tasks = tasks;
    this.workers = workers;
  }

  /**
   * What was found.
   *
   * @param losses the mean next-token negative log-likelihood of each tested sequence; null where
   *     the pruned model was judged
   * @param judged what the tested sequences say beside the dense model; null without one
   * @param scores of the tasks, if there are any
   * @param modules the results of the pruned modules
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  public record Result(
      double[] losses,
      DenseReference.Judged judged,
      List<TaskScore> scores,
      List<ModuleResult> modules) {}

  /**
   * Prunes and tests.
   *
   * @param backend does the work; stays the caller's
   * @param tested token ids of each sequence to test
   * @param dense what the dense model predicts in the tested sequences, if the pruned one is judged
   *     by it; output errors are then measured with methods that don't need second moments, too
   * @param tasks to answer, if any
   * @param masks receives the chosen masks
   */
  public static Result run(
      ModelDirectory model,
      Backend backend,
      PruningRules rules,
      List<LinearModule> chosen,
      Calibration calibration,
      List<int[]> tested,
      Optional<DenseReference> dense,
      Optional<Evaluation> tasks,
      MaskSink masks,
      Progress progress) {
    boolean sampled = calibration instanceof Calibration.FromSamples;
    try (Workers workers = new Workers(backend.concurrency())) {
      MemoryPass pass = new MemoryPass(tested, dense, tasks, workers);
      PhaseClock clock = new PhaseClock(workers.count());
      try (ModulePruner pruner =
          new ModulePruner(backend, workers, rules, chosen, ModuleSink.MEMORY, masks, clock)) {
        boolean moments = sampled && (dense.isPresent() || rules.needMoments());
        List<ModuleResult> modules =
            new BlockPass(
                    model, backend, pruner, chosen, moments, Optional.empty(), clock, progress)
                .run(calibration, 0, null, pass);
        return new Result(pass.losses, pass.judged, pass.scores, modules);
      }
    }
  }

  @Override
  public void open(Decoder decoder, SampleProgress progress, int first) {
    passing = progress;
    pass = first;
    tester = decoder;
    Perplexity.byLength(tested).forEach(windows -> testing.add(new BlockwiseRun(decoder, windows)));
    if (testing.size() == 1) {
      testing.getFirst().watchedBy(progress);
    }
    asking = tasks.map(given -> given.pass(decoder)).orElse(null);
  }

  @Override
  public int passes() {
    return 1;
  }

  @Override
  public void end(int index, Block block) {
    passing.begin(index, pass, "tested sample");
    testing.forEach(run -> run.advance(block));
    if (asking != null) {
      asking.advance(block);
    }
    if (index + 1 == tester.blocks()) {
      if (dense.isPresent()) {
        judged = dense.get().compare(testing, tester.vocabulary(), workers);
      } else {
        losses = testing.stream().flatMapToDouble(BlockwiseRun::meanLosses).toArray();
      }
      scores = asking == null ? List.of() : tasks.orElseThrow().scores(asking);
    }
  }

  @Override
  public void close() {
    if (asking != null) {
      asking.close();
    }
    testing.forEach(BlockwiseRun::close);
  }
}
