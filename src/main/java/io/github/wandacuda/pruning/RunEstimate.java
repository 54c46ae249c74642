package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.util.List;

/**
 * How long a run would take, from doing a little of it on the spot and writing nothing: the first
 * rows of the largest module are read and pruned, and of a calibrated run one batch of samples goes
 * through the first block. The rest is taken to go at the same speed. What the disk takes to write
 * the output isn't in it.
 */
final class RunEstimate {
  private static final long SAMPLE_BYTES = 64 << 20;
  private static final long MEASURED_NANOS = 1_000_000_000;

  private final ModelDirectory model;
  private final PruneRequest request;
  private final Backend backend;

  RunEstimate(ModelDirectory model, PruneRequest request, Backend backend) {
    this.model = model;
    this.request = request;
    this.backend = backend;
  }

  double seconds(List<LinearModule> chosen, RunNeeds needs) {
    double seconds =
        chosen.stream()
            .max((left, right) -> Long.compare(left.tensor().bytes(), right.tensor().bytes()))
            .filter(module -> module.elements() > 0)
            .map(module -> needs.readBytes() * secondsPerByte(module))
            .orElse(0.0);
    return request.calibration() instanceof Calibration.FromSamples samples
        ? seconds + calibrationSeconds(samples.samples())
        : seconds;
  }

  private double secondsPerByte(LinearModule module) {
    try (Workers workers = new Workers(backend.concurrency());
        TileBuffers buffers = new TileBuffers(TileMemory.of(backend))) {
      PhaseClock clock = new PhaseClock(workers.count());
      Sample sample =
          new Sample(new ModuleTiles(module, module.shard(), null, null, buffers, clock));
      PruningRules rules = new PruningRules(request.method(), request.sparsity());
      MatrixPruner pruner = new MatrixPruner(backend.selector(), workers, rules, clock);
      return seconds(() -> pruner.prune(sample, null)) / sample.bytes(module);
    }
  }

  private double calibrationSeconds(List<int[]> samples) {
    int length = samples.get(0).length;
    int batch = Math.clamp(BlockwiseRun.BATCH_TOKENS / length, 1, samples.size());
    try (Decoder decoder =
            DecoderFamilies.of(model.config())
                .open(model.config(), model.checkpoint(), backend.operations());
        BlockwiseRun run =
            new BlockwiseRun(decoder, backend.operations(), samples.subList(0, batch));
        Block block = decoder.block(0)) {
      double seconds =
          seconds(
              () -> {
                run.observe(block);
                run.advance(block);
              });
      return seconds * samples.size() / batch * decoder.blocks();
    }
  }

  /** Returns how long work takes at best: the first time code is compiled and files are cold. */
  private static double seconds(Runnable work) {
    double least = Double.POSITIVE_INFINITY;
    long begin = System.nanoTime();
    do {
      long start = System.nanoTime();
      work.run();
      least = Math.min(least, (System.nanoTime() - start) / 1e9);
    } while (System.nanoTime() - begin < MEASURED_NANOS);
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
