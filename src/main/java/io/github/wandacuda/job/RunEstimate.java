package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.Allocation;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMasks;
import io.github.wandacuda.pruning.TilePruner;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Estimates a run's time by doing a small part of it, without writing. The first rows of the
 * largest module are read and pruned, and those of a module of each width if it is pruned as a
 * whole; for a calibrated run, some tokens run through a block in the middle. The rest is assumed
 * to be as fast; copies and comparisons to go at the speed of disks.
 */
record RunEstimate(RunScope scope, Backend backend, Stopwatch watch) {
  /** Little enough to be done many times, so that the code is compiled. */
  private static final long SAMPLE_BYTES = 4 << 20;

  /** Bytes in a second that are copied or compared at best, mostly and at worst. */
  private static final double FAST_COPIES = 8e9;

  private static final double COPIES = 3e9;
  private static final double SLOW_COPIES = 1e9;

  /** Passes over the model that the search for a step takes at best, mostly and at worst. */
  private static final int FEWEST_PASSES = 3;

  private static final int PASSES = 6;
  private static final int MOST_PASSES = 11;

  /** A quarter of the samples only runs through pruned blocks. */
  private static final double SEARCHED = 0.875;

  /**
   * Estimates the run, with totals shared out before it, and windows evaluated before and after it.
   */
  TimeEstimate of(RunNeeds needs, List<Allocation> allocations, List<int[]> evaluated) {
    double certain = byTiles();
    TimeEstimate work =
        scope.request().calibration() instanceof Calibration.FromSamples samples
            ? calibrated(samples.samples(), allocations)
            : TimeEstimate.ofWork(layers(Optional.empty()));
    certain += evaluation(evaluated) + watch.warmUp();
    double copied = (double) needs.readBytes() + needs.writeBytes() + needs.packingBytes();
    return work.plus(TimeEstimate.ofWork(certain))
        .plus(new TimeEstimate(copied / FAST_COPIES, copied / COPIES, copied / SLOW_COPIES))
        .plus(TimeEstimate.START);
  }

  /**
   * Estimates the time of a comparison: some tokens run through one block, and each method prunes a
   * part of its modules. How much goes is taken to make no difference.
   */
  static TimeEstimate of(
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
    double tokens = sampled ? BlockEstimate.tokens(samples) : 0;
    double tested = BlockEstimate.tokens(windows) + asked;
    int middle = DecoderFamilies.shape(model).blocks() / 2;
    double all = tested + runs.size() * (tokens + tested);
    try (BlockEstimate block = new BlockEstimate(model, backend, samples, all, middle, watch);
        Arena arena = Arena.ofShared()) {
      double advancing = block.advancing();
      double testing = tested * advancing * block.predicting();
      double each = tokens == 0 ? testing : tokens * (block.observing(true) + advancing) + testing;
      Optional<BlockStatistics> statistics =
          sampled ? Optional.of(block.observe(true, arena)) : Optional.empty();
      Map<Object, Double> byMethod = new HashMap<>();
      double pruning =
          runs.stream()
              .mapToDouble(
                  rules ->
                      byMethod.computeIfAbsent(
                          rules.stages().isEmpty() ? rules.label() : rules,
                          any ->
                              new RunEstimate(
                                      RunScope.of(model, request(rules, choice, calibration)),
                                      backend,
                                      watch)
                                  .layers(statistics)))
              .sum();
      return TimeEstimate.ofWork(testing + runs.size() * each + pruning + watch.warmUp())
          .plus(TimeEstimate.START);
    }
  }

  /** Returns a request of which nothing is written. */
  static PruneRequest request(PruningRules rules, ModuleChoice choice, Calibration calibration) {
    return new PruneRequest(Path.of(""), rules, choice, calibration, false, false);
  }

  /** Returns the seconds of the modules that go by tiles. */
  private double byTiles() {
    List<LinearModule> modules =
        scope.chosen().stream().filter(module -> scope.rules().of(module).isByTiles()).toList();
    long bytes = modules.stream().mapToLong(module -> module.tensor().bytes()).sum();
    return modules.stream()
        .max(Comparator.comparingLong(module -> module.tensor().bytes()))
        .filter(module -> module.elements() > 0)
        .map(module -> bytes * secondsPerByte(module, bytes))
        .orElse(0.0);
  }

  private double secondsPerByte(LinearModule module, long bytes) {
    try (Workers workers = new Workers(backend.concurrency());
        TileBuffers buffers = TileBuffers.of(backend)) {
      PhaseClock clock = new PhaseClock(workers.count());
      Sample sample = new Sample(module, buffers, clock);
      long weights = scope.chosen().stream().mapToLong(LinearModule::elements).sum();
      Selector selector = backend.selector(weights);
      Runnable work =
          () -> {
            SelectionRule rule =
                new TileMasks(selector, workers).rule(sample, scope.rules().of(module));
            try (TilePruner tiles = new TilePruner(selector, rule, sample, null, null, clock)) {
              workers.run(
                  sample.tiles().count(), (worker, tile) -> tiles.prune(worker, tile, null));
            }
          };
      double times = (double) bytes / sample.bytes();
      watch.compile(work, times);
      return watch.seconds(work, times) / sample.bytes();
    }
  }

  /** Estimates a calibrated run but for what goes by tiles. */
  private TimeEstimate calibrated(List<int[]> samples, List<Allocation> allocations) {
    boolean moments = scope.rules().needMoments();
    double tokens = BlockEstimate.tokens(samples) / backend.forwards(moments).size();
    try (BlockEstimate block = block(samples, tokens);
        Arena arena = Arena.ofShared()) {
      double advancing = tokens * block.advancing();
      double once = advancing + tokens * block.observing(moments);
      BlockStatistics statistics = block.observe(moments, arena);
      try (LayerEstimate layers = estimate(Optional.of(statistics))) {
        double work = once + layers.seconds(scope.chosen(), scope.rules());
        if (!allocations.contains(Allocation.Rule.ATP)) {
          boolean dense = allocations.stream().anyMatch(Allocation::readsWeights);
          return TimeEstimate.ofWork(dense ? work + once / 2 : work);
        }
        PruningRules searched = scope.rules().masksAlone();
        double tried =
            SEARCHED
                * (advancing
                    + tokens * block.observing(searched.needMoments())
                    + layers.seconds(scope.chosen(), searched));
        return TimeEstimate.ofWork(work)
            .plus(new TimeEstimate(FEWEST_PASSES, PASSES, MOST_PASSES).times(tried));
      }
    }
  }

  private BlockEstimate block(List<int[]> samples, double tokens) {
    return new BlockEstimate(scope.model(), backend, samples, tokens, someBlock(), watch);
  }

  private LayerEstimate estimate(Optional<BlockStatistics> statistics) {
    return new LayerEstimate(
        backend, new EstimateSamples(scope, statistics), statistics.isPresent(), watch);
  }

  /** Returns the block of a module in the middle of those that are pruned. */
  private int someBlock() {
    List<LinearModule> chosen = scope.chosen();
    return chosen.isEmpty()
        ? 0
        : LinearModules.block(chosen.get(chosen.size() / 2).name()).orElse(0);
  }

  /** Returns the seconds of measuring perplexity before and after. */
  private double evaluation(List<int[]> windows) {
    if (windows.isEmpty()) {
      return 0;
    }
    double tokens = 2 * BlockEstimate.tokens(windows);
    try (BlockEstimate block = block(windows, tokens)) {
      return tokens * block.advancing() * block.predicting();
    }
  }

  /** Returns the seconds of the modules that don't go by tiles. */
  private double layers(Optional<BlockStatistics> statistics) {
    try (LayerEstimate layers = estimate(statistics)) {
      return layers.seconds(scope.chosen(), scope.rules());
    }
  }

  /** The first tiles of a module, which aren't written back. */
  private static final class Sample extends ModuleTiles {
    private final LinearModule module;

    Sample(LinearModule module, TileBuffers buffers, PhaseClock clock) {
      super(module, module.shard(), null, buffers, clock);
      this.module = module;
    }

    @Override
    public RowTiles tiles() {
      RowTiles tiles = super.tiles();
      long count = Math.max(1, SAMPLE_BYTES / Math.max(1, largestBytes()));
      long rows = Math.min(tiles.rows(), count * tiles.tileRows());
      return new RowTiles((int) rows, tiles.tileRows());
    }

    @Override
    public void write(int worker, int tile, MemorySegment mask, boolean fitted) {}

    long bytes() {
      return module.tensor().bytes() / super.tiles().rows() * tiles().rows();
    }
  }

  /**
   * The modules by which a run's time is estimated: those of one block whose inputs were observed,
   * or those that a statistics file knows.
   */
  record EstimateSamples(RunScope scope, Optional<BlockStatistics> block)
      implements LayerEstimate.Samples {
    @Override
    public Optional<LinearModule> like(LinearModule module) {
      List<LinearModule> known =
          scope.chosen().stream().filter(other -> isKnown(other, module)).toList();
      return known.stream()
          .filter(other -> other.columns() == module.columns())
          .findFirst()
          .or(() -> known.stream().max(Comparator.comparingInt(LinearModule::columns)));
    }

    /** Returns whether as much is known of one module as another needs. */
    private boolean isKnown(LinearModule one, LinearModule other) {
      boolean known =
          block
              .map(observed -> observed.norms().containsKey(one.name()))
              .orElseGet(() -> needsMoments(one) == needsMoments(other));
      return known && one.elements() > 0;
    }

    private boolean needsMoments(LinearModule module) {
      return scope.rules().of(module).needsMoments();
    }

    @Override
    public LayerInputs inputs(LinearModule module, boolean moments, Arena arena) {
      if (block.isPresent()) {
        BlockStatistics observed = block.get();
        return inputs(observed.norms().get(module.name()), observed.grams().get(module.name()));
      }
      float[] norms = scope.norms(module);
      if (!moments || !(scope.request().calibration() instanceof Calibration.FromStatistics from)) {
        return inputs(norms, null);
      }
      try (GramFile file = GramFile.open(from.file())) {
        return inputs(norms, file.read(module.name(), norms, arena));
      }
    }

    private static LayerInputs inputs(float[] norms, Gram gram) {
      return new LayerInputs(norms, gram, 0, Optional.empty());
    }
  }
}
