package io.github.wandacuda.job.estimate;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.tune.BlockTuner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Estimates a run's time by doing a small part of it, without writing. Files are estimated by the
 * speed at which a piece of the model is read. Computation is estimated by one block in the middle,
 * times the blocks: some samples run through it, and of its modules some rows are pruned by the
 * run's own methods.
 *
 * @param scope of the run
 * @param backend does the measured work; stays the caller's
 * @param watch bounds the time that measuring takes
 */
public record RunEstimate(RunScope scope, Backend backend, Stopwatch watch) {
  /** The bytes of a file that are read to measure the speed. */
  private static final long READ_BYTES = 32L << 20;

  /**
   * Files are read and written at best twice as fast as the piece that was read, and at worst at a
   * third of its speed.
   */
  private static final double FASTER_FILES = 2;

  private static final double SLOWER_FILES = 3;

  /** The passes over the model that a search for a step takes at best, usually and at worst. */
  private static final TimeEstimate PASSES = new TimeEstimate(3, 6, 11);

  /**
   * The work of a pass of the search, as a share of a whole calibrated run: a quarter of the
   * samples runs through pruned blocks alone.
   */
  private static final double SEARCHED = 0.875;

  /**
   * Estimates the run.
   *
   * @param needs of the run
   * @param allocations how totals are shared out over blocks before it
   * @param evaluated windows of text that are evaluated before and after it; none if nothing is
   *     evaluated
   */
  public TimeEstimate of(RunNeeds needs, List<Allocation> allocations, List<int[]> evaluated) {
    TimeEstimate work =
        scope.request().calibration() instanceof Calibration.FromSamples samples
            ? calibrated(samples.samples(), allocations)
            : TimeEstimate.ofWork(pruning(Optional.empty(), scope.rules()));
    work = work.plus(evaluation(scope.model(), backend, evaluated, watch));
    long bytes = needs.readBytes() + needs.writeBytes() + needs.packingBytes();
    return work.plus(files(scope.model(), bytes)).plus(around(watch));
  }

  /**
   * Returns the time of a program's start and end, and of code that isn't compiled yet.
   *
   * @param watch has measured the work
   */
  public static TimeEstimate around(Stopwatch watch) {
    return TimeEstimate.START.plus(TimeEstimate.ofWork(watch.lost()));
  }

  /**
   * Returns the time of reading or writing bytes, measured by reading some of the model's largest
   * tensor.
   *
   * @param bytes how many
   */
  public static TimeEstimate files(ModelDirectory model, long bytes) {
    SafetensorsFile shard =
        model.checkpoint().shards().stream()
            .max(Comparator.comparingLong(RunEstimate::largest))
            .orElseThrow();
    TensorInfo tensor =
        shard.tensors().stream().max(Comparator.comparingLong(TensorInfo::bytes)).orElseThrow();
    long some = Math.clamp(tensor.bytes(), 1, READ_BYTES);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(some);
      long start = System.nanoTime();
      if (tensor.bytes() > 0) {
        shard.read(tensor, 0, piece);
      }
      double seconds = (System.nanoTime() - start) / 1e9 * bytes / some;
      return new TimeEstimate(seconds / FASTER_FILES, seconds, seconds * SLOWER_FILES);
    }
  }

  private static long largest(SafetensorsFile shard) {
    return shard.tensors().stream().mapToLong(TensorInfo::bytes).max().orElse(-1);
  }

  /** Returns the time of evaluating windows before a run and after it. */
  public static TimeEstimate evaluation(
      ModelDirectory model, Backend backend, List<int[]> windows, Stopwatch watch) {
    if (windows.isEmpty()) {
      return TimeEstimate.ofWork(0);
    }
    int middle = DecoderFamilies.shape(model).blocks() / 2;
    try (TimedBlock block = new TimedBlock(model, backend, windows, middle, watch)) {
      return TimeEstimate.ofWork(2 * block.predicting(TimedBlock.tokens(windows)));
    }
  }

  private double pruning(Optional<BlockStatistics> observed, PruningRules rules) {
    try (TimedPruning pruning = new TimedPruning(scope, backend, observed, watch)) {
      return pruning.seconds(rules);
    }
  }

  /** Estimates a calibrated run without its files. */
  private TimeEstimate calibrated(List<int[]> samples, List<Allocation> allocations) {
    boolean moments = scope.rules().needMoments();
    double tokens = TimedBlock.tokens(samples) / backend.forwards(moments).size();
    try (TimedBlock block =
            new TimedBlock(scope.model(), backend, samples, middle(scope.chosen()), watch);
        Arena arena = Arena.ofShared()) {
      double advancing = block.advancing(tokens);
      double once = advancing + block.observing(tokens, moments);
      Optional<BlockStatistics> statistics = Optional.of(block.observe(moments, arena));
      double aligning = scope.rules().realign() ? advancing : 0;
      if (scope.rules().tune()) {
        aligning += BlockTuner.passes(samples.size()) * advancing;
      }
      double work = once + aligning + pruning(statistics, scope.rules());
      if (!allocations.contains(Allocation.Rule.ATP)) {
        boolean dense = allocations.stream().anyMatch(Allocation::readsWeights);
        return TimeEstimate.ofWork(dense ? work + once / 2 : work);
      }
      PruningRules searched = scope.rules().masksAlone();
      double tried =
          SEARCHED
              * (advancing
                  + block.observing(tokens, searched.needMoments())
                  + pruning(statistics, searched));
      return TimeEstimate.ofWork(work).plus(PASSES.times(tried));
    }
  }

  /** Returns the block of a module in the middle of those that are pruned. */
  private static int middle(List<LinearModule> chosen) {
    return chosen.isEmpty()
        ? 0
        : LinearModules.block(chosen.get(chosen.size() / 2).name()).orElse(0);
  }

  /**
   * Estimates the time of a comparison: some tokens run through one block, and each method prunes a
   * part of its modules. How much goes is taken to make no difference.
   *
   * @param choice the modules to prune
   * @param windows of text that each model is measured on
   * @param asked tokens of the questions that each model is asked
   * @param runs the rules of each run that is compared
   */
  public static TimeEstimate ofComparison(
      ModelDirectory model,
      Backend backend,
      ModuleChoice choice,
      Calibration calibration,
      List<int[]> windows,
      long asked,
      Stopwatch watch,
      List<PruningRules> runs) {
    boolean sampled = calibration instanceof Calibration.FromSamples;
    List<int[]> samples =
        calibration instanceof Calibration.FromSamples from ? from.samples() : windows;
    double tokens = sampled ? TimedBlock.tokens(samples) : 0;
    int middle = DecoderFamilies.shape(model).blocks() / 2;
    try (TimedBlock block = new TimedBlock(model, backend, samples, middle, watch);
        Arena arena = Arena.ofShared()) {
      double testing = block.predicting(TimedBlock.tokens(windows) + asked);
      double advancing = sampled ? block.advancing(tokens) : 0;
      double observing = sampled ? block.observing(tokens, true) : 0;
      Optional<BlockStatistics> statistics =
          sampled ? Optional.of(block.observe(true, arena)) : Optional.empty();
      double seconds = testing;
      for (PruningRules rules : runs) {
        RunScope scope = RunScope.of(model, request(rules, choice, calibration));
        seconds +=
            new RunEstimate(scope, backend, watch).pruning(statistics, rules)
                + observing
                + (rules.realign() ? 2 : 1) * advancing
                + (rules.tune() ? BlockTuner.passes(samples.size()) * advancing : 0)
                + testing;
      }
      return TimeEstimate.ofWork(seconds).plus(around(watch));
    }
  }

  /** Returns a request for a run that writes nothing, to measure its work. */
  public static PruneRequest request(
      PruningRules rules, ModuleChoice choice, Calibration calibration) {
    return PruneRequest.of(Path.of(""), rules)
        .choice(choice)
        .calibration(calibration)
        .verify(false)
        .build();
  }
}
