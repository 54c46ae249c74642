package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.pruning.Allocation;
import io.github.wandacuda.pruning.MatrixPruner;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Estimates a run's time by doing a small part of it, without writing. The first rows of the
 * largest module are read and pruned, and those of a module of each width if it is pruned as a
 * whole; for a calibrated run, some tokens run through a block in the middle. The rest is assumed
 * to be as fast; copies and comparisons to go at the speed of disks.
 */
final class RunEstimate {
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

  private final RunScope scope;
  private final Backend backend;
  private final Stopwatch watch;

  RunEstimate(RunScope scope, Backend backend, Stopwatch watch) {
    this.scope = scope;
    this.backend = backend;
    this.watch = watch;
  }

  /**
   * Estimates the run.
   *
   * @param allocations how totals are shared out before it
   * @param evaluated windows that run through the model before and after it
   */
  TimeEstimate of(RunNeeds needs, List<Allocation> allocations, List<int[]> evaluated) {
    double certain = byTiles();
    TimeEstimate work =
        scope.request().calibration() instanceof Calibration.FromSamples samples
            ? calibrated(samples.samples(), allocations)
            : TimeEstimate.ofWork(fromFile());
    certain += evaluation(evaluated) + watch.warmUp();
    double copied = (double) needs.readBytes() + needs.writeBytes() + needs.packingBytes();
    return work.plus(TimeEstimate.ofWork(certain))
        .plus(new TimeEstimate(copied / FAST_COPIES, copied / COPIES, copied / SLOW_COPIES))
        .plus(TimeEstimate.START);
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
        TileBuffers buffers = new TileBuffers(TileMemory.of(backend))) {
      PhaseClock clock = new PhaseClock(workers.count());
      Sample sample = new Sample(new ModuleTiles(module, module.shard(), null, buffers, clock));
      long weights = scope.chosen().stream().mapToLong(LinearModule::elements).sum();
      MatrixPruner pruner = new MatrixPruner(backend.selector(weights), workers, clock);
      Runnable work = () -> pruner.prune(sample, null, scope.rules().of(module));
      double times = (double) bytes / sample.bytes(module);
      watch.compile(work, times);
      return watch.seconds(work, times) / sample.bytes(module);
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
      try (LayerEstimate layers = layers(Optional.of(statistics))) {
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

  private LayerEstimate layers(Optional<BlockStatistics> statistics) {
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

  /** Estimates a run without samples but for what goes by tiles. */
  private double fromFile() {
    try (LayerEstimate layers = layers(Optional.empty())) {
      return layers.seconds(scope.chosen(), scope.rules());
    }
  }

  /** The first tiles of a module, which aren't written back. */
  private record Sample(ModuleTiles whole) implements TileSource {
    @Override
    public RowTiles tiles() {
      RowTiles tiles = whole.tiles();
      long count = Math.max(1, SAMPLE_BYTES / Math.max(1, whole.largestBytes()));
      long rows = Math.min(tiles.rows(), count * tiles.tileRows());
      return new RowTiles((int) rows, tiles.tileRows());
    }

    long bytes(LinearModule module) {
      return module.tensor().bytes() / whole.tiles().rows() * tiles().rows();
    }

    @Override
    public int columns() {
      return whole.columns();
    }

    @Override
    public WeightMatrix read(int worker, int tile) {
      return whole.read(worker, tile);
    }

    @Override
    public void write(int worker, int tile) {}
  }
}
