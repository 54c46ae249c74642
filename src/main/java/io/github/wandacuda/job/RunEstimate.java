package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.BlockwiseRun;
import io.github.wandacuda.job.module.ModuleTiles;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.decoder.Block;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.prune.MatrixPruner;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.ModuleRules;
import io.github.wandacuda.prune.PhaseClock;
import io.github.wandacuda.prune.RowTiles;
import io.github.wandacuda.prune.TileBuffers;
import io.github.wandacuda.prune.TileMemory;
import io.github.wandacuda.prune.TileSource;
import io.github.wandacuda.system.Workers;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.util.List;

/**
 * Estimates a run's time by doing a small part of it, without writing. The first rows of the
 * largest module are read and pruned; for a calibrated run, one batch of samples runs through a
 * block in the middle. The rest is assumed to be as fast, within a factor for other programs' load.
 * Copies and comparisons are added at the speed of memory for the lower bound, and at that of a
 * slow disk for the upper one.
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

  private final ModelDirectory model;
  private final PruneRequest request;
  private final Backend backend;

  RunEstimate(ModelDirectory model, PruneRequest request, Backend backend) {
    this.model = model;
    this.request = request;
    this.backend = backend;
  }

  PruneJob.TimeEstimate of(List<LinearModule> chosen, RunNeeds needs) {
    long pruned = chosen.stream().mapToLong(module -> module.tensor().bytes()).sum();
    double work =
        chosen.stream()
            .max((left, right) -> Long.compare(left.tensor().bytes(), right.tensor().bytes()))
            .filter(module -> module.elements() > 0)
            .map(module -> pruned * secondsPerByte(module))
            .orElse(0.0);
    if (request.calibration() instanceof Calibration.FromSamples samples) {
      work += calibrationSeconds(samples.samples());
    }
    double copied = (double) needs.readBytes() + needs.writeBytes();
    double disk = (double) model.checkpoint().totalBytes() + needs.writeBytes();
    return new PruneJob.TimeEstimate(
        FAST_START + FASTER * work + copied / FAST_COPIES,
        (SLOW_START + SLOWER * work + copied / SLOW_COPIES) * (1 + load()) + disk / SLOW_DISK);
  }

  /**
   * Returns how many threads of all programs wait for each processor, 0 if the system doesn't say.
   */
  private static double load() {
    OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
    return Math.max(0, system.getSystemLoadAverage()) / system.getAvailableProcessors();
  }

  private double secondsPerByte(LinearModule module) {
    try (Workers workers = new Workers(backend.concurrency());
        TileBuffers buffers = new TileBuffers(TileMemory.of(backend))) {
      PhaseClock clock = new PhaseClock(workers.count());
      Sample sample =
          new Sample(new ModuleTiles(module, module.shard(), null, null, buffers, clock));
      ModuleRules asked = request.rules().of(module);
      ModuleRules rules =
          asked.isByTiles() ? asked : ModuleRules.of(Method.WANDA, asked.sparsity());
      MatrixPruner pruner = new MatrixPruner(backend.selector(), workers, clock);
      return seconds(() -> pruner.prune(sample, null, rules)) / sample.bytes(module);
    }
  }

  private double calibrationSeconds(List<int[]> samples) {
    int length = samples.get(0).length;
    int batch = Math.clamp(BlockwiseRun.BATCH_TOKENS / length, 1, samples.size());
    try (Decoder decoder = DecoderFamilies.open(model, backend.operations());
        BlockwiseRun run =
            new BlockwiseRun(decoder, backend.operations(), samples.subList(0, batch));
        Block block = decoder.block(decoder.blocks() / 2)) {
      double seconds =
          seconds(
              () -> {
                run.observe(block);
                run.advance(block);
              });
      return seconds * samples.size() / batch * decoder.blocks();
    }
  }

  /** Returns how long work takes once its code is compiled and its file is in memory. */
  private static double seconds(Runnable work) {
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
