package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.BlockStatistics;
import io.github.wandacuda.calibrate.BlockwiseRun;
import io.github.wandacuda.calibrate.SampleBatch;
import io.github.wandacuda.job.module.ModuleTiles;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.decoder.Block;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.prune.MatrixPruner;
import io.github.wandacuda.prune.PhaseClock;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.RowTiles;
import io.github.wandacuda.prune.TileBuffers;
import io.github.wandacuda.prune.TileMemory;
import io.github.wandacuda.prune.TileSource;
import io.github.wandacuda.prune.allocation.Allocation;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Estimates a run's time by doing a small part of it, without writing. The first rows of the
 * largest module are read and pruned, and those of a module of each width if it is pruned as a
 * whole; for a calibrated run, one batch of samples runs through a block in the middle. The rest is
 * assumed to be as fast, within a factor for other programs' load. Copies and comparisons are added
 * at the speed of memory for the lower bound, and at that of a slow disk for the upper one.
 */
final class RunEstimate {
  /** Little enough to be done many times, so that the code is compiled. */
  private static final long SAMPLE_BYTES = 4 << 20;

  private static final long LEAST_NANOS = 1_000_000_000;
  private static final long MOST_NANOS = 10_000_000_000L;

  /** Times have settled once none is below this share of the least one before. */
  private static final double SETTLED = 0.8;

  private static final int SETTLED_TIMES = 3;

  /** How much faster or slower than measured the work may go. */
  private static final double FASTER = 0.6;

  private static final double SLOWER = 1.8;

  /** Seconds until a run has begun and its code is compiled. */
  private static final double FAST_START = 0.4;

  private static final double SLOW_START = 3;

  /** Bytes in a second. */
  private static final double FAST_COPIES = 8e9;

  private static final double SLOW_COPIES = 1e9;
  private static final double SLOW_DISK = 200e6;

  /** Passes over the model that the search for a step takes, at best and at worst. */
  private static final int FEWEST_PASSES = 3;

  private static final int MOST_PASSES = 11;

  /** A quarter of the samples only runs through pruned blocks. */
  private static final double SEARCHED = 0.875;

  private final RunScope scope;
  private final Backend backend;

  RunEstimate(RunScope scope, Backend backend) {
    this.scope = scope;
    this.backend = backend;
  }

  /** Seconds of work, at best and at worst. */
  private record Work(double least, double most) {
    Work plus(double seconds) {
      return new Work(least + seconds, most + seconds);
    }
  }

  /**
   * Estimates the run.
   *
   * @param allocations how totals are shared out before it
   */
  PruneJob.TimeEstimate of(RunNeeds needs, List<Allocation> allocations) {
    Work work =
        (scope.request().calibration() instanceof Calibration.FromSamples samples
                ? calibrated(samples.samples(), allocations)
                : fromFile())
            .plus(byTiles());
    double written = (double) needs.writeBytes() + needs.packingBytes();
    double copied = needs.readBytes() + written;
    double disk = scope.model().checkpoint().totalBytes() + written;
    return new PruneJob.TimeEstimate(
        FAST_START + FASTER * work.least() + copied / FAST_COPIES,
        (SLOW_START + SLOWER * work.most() + copied / SLOW_COPIES) * (1 + load())
            + disk / SLOW_DISK);
  }

  /**
   * Returns how many threads of all programs wait for each processor, 0 if the system doesn't say.
   */
  private static double load() {
    OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
    return Math.max(0, system.getSystemLoadAverage()) / system.getAvailableProcessors();
  }

  /** Returns the seconds of the modules that go by tiles. */
  private double byTiles() {
    List<LinearModule> modules =
        scope.chosen().stream().filter(module -> scope.rules().of(module).isByTiles()).toList();
    long bytes = modules.stream().mapToLong(module -> module.tensor().bytes()).sum();
    return modules.stream()
        .max(Comparator.comparingLong(module -> module.tensor().bytes()))
        .filter(module -> module.elements() > 0)
        .map(module -> bytes * secondsPerByte(module))
        .orElse(0.0);
  }

  private double secondsPerByte(LinearModule module) {
    try (Workers workers = new Workers(backend.concurrency());
        TileBuffers buffers = new TileBuffers(TileMemory.of(backend))) {
      PhaseClock clock = new PhaseClock(workers.count());
      Sample sample = new Sample(new ModuleTiles(module, module.shard(), null, buffers, clock));
      long weights = scope.chosen().stream().mapToLong(LinearModule::elements).sum();
      MatrixPruner pruner = new MatrixPruner(backend.selector(weights), workers, clock);
      return seconds(() -> pruner.prune(sample, null, scope.rules().of(module)))
          / sample.bytes(module);
    }
  }

  /** Estimates a calibrated run but for what goes by tiles. */
  private Work calibrated(List<int[]> samples, List<Allocation> allocations) {
    int batch = SampleBatch.size(samples);
    try (Decoder decoder = DecoderFamilies.open(scope.model(), backend.operations());
        BlockwiseRun run =
            new BlockwiseRun(decoder, backend.operations(), samples.subList(0, batch));
        Block block = decoder.block(someBlock(decoder.blocks()));
        Arena arena = Arena.ofShared()) {
      boolean moments = scope.rules().needMoments();
      int devices = backend.forwards(moments).size();
      double passes = (double) samples.size() / batch / devices * decoder.blocks();
      double once = passes * passSeconds(run, block, moments);
      BlockStatistics statistics = observe(run, block, moments, arena);
      try (LayerEstimate layers =
          new LayerEstimate(backend, new EstimateSamples(scope, Optional.of(statistics)), true)) {
        double work = once + layers.seconds(scope.chosen(), scope.rules());
        if (!allocations.contains(Allocation.Rule.ATP)) {
          boolean dense = allocations.stream().anyMatch(Allocation::readsWeights);
          return new Work(work, work).plus(dense ? once / 2 : 0);
        }
        PruningRules searched = scope.rules().masksAlone();
        double tried =
            SEARCHED
                * ((moments == searched.needMoments()
                        ? once
                        : passes * passSeconds(run, block, searched.needMoments()))
                    + layers.seconds(scope.chosen(), searched));
        return new Work(work + FEWEST_PASSES * tried, work + MOST_PASSES * tried);
      }
    }
  }

  /** Returns the block of a module in the middle of those that are pruned. */
  private int someBlock(int blocks) {
    List<LinearModule> chosen = scope.chosen();
    return chosen.isEmpty()
        ? blocks / 2
        : Math.min(
            LinearModules.block(chosen.get(chosen.size() / 2).name()).orElse(blocks / 2),
            blocks - 1);
  }

  /** Returns the seconds in which a batch runs through a dense block and a pruned one. */
  private static double passSeconds(BlockwiseRun run, Block block, boolean moments) {
    return seconds(
        () -> {
          try (Arena arena = Arena.ofShared()) {
            observe(run, block, moments, arena);
          }
          run.advance(block);
        });
  }

  private static BlockStatistics observe(
      BlockwiseRun run, Block block, boolean moments, Arena arena) {
    return moments
        ? run.observe(block, arena)
        : new BlockStatistics(run.observe(block), Map.of(), Map.of());
  }

  /** Estimates a run without samples but for what goes by tiles. */
  private Work fromFile() {
    try (LayerEstimate layers =
        new LayerEstimate(backend, new EstimateSamples(scope, Optional.empty()), false)) {
      double seconds = layers.seconds(scope.chosen(), scope.rules());
      return new Work(seconds, seconds);
    }
  }

  /** Returns how long work takes once its code is compiled and its file is in memory. */
  static double seconds(Runnable work) {
    double least = Double.POSITIVE_INFINITY;
    int settled = 0;
    long begin = System.nanoTime();
    long now = begin;
    do {
      long start = now;
      work.run();
      now = System.nanoTime();
      double seconds = (now - start) / 1e9;
      settled = seconds < SETTLED * least ? 0 : settled + 1;
      least = Math.min(least, seconds);
    } while (now - begin < LEAST_NANOS || (settled < SETTLED_TIMES && now - begin < MOST_NANOS));
    return least;
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
