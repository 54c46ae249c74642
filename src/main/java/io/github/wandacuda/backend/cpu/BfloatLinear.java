package io.github.wandacuda.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.DenseRows;
import io.github.wandacuda.backend.cpu.BfloatTile.Session;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.GrowingMemory;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Linear layers whose weights are BF16, with activations rounded to it: the sums over runs of
 * {@link #RUN} columns are oneDNN's, which adds up float32 in an order of its own, and are added in
 * order; then the bias. Products are cut into tiles of one size for each weight, whatever the rows
 * and threads are, so what a row gets hangs on that row and the weight alone. Values below
 * float32's normal range may count as zeros. Called from one thread.
 */
final class BfloatLinear implements AutoCloseable {
  /** Columns whose weights stay in the second-level cache while all rows pass. */
  static final int RUN = 2048;

  /** Features of a tile at most: with a run's columns 1 MiB of weights. */
  static final int FEATURES = 256;

  /** Features of a tile are a multiple of this. */
  private static final int FEATURE_STEP = 32;

  /** Rows of a part, which bounds the buffer; the weights are packed again for each. */
  private static final int ROWS_PER_PART = 2048;

  /** Tasks for each worker, so that all end at about the same time. */
  private static final int TASKS_PER_WORKER = 2;

  /** How often a tile's weights are packed before workers share what one of them has packed. */
  private static final int MOST_PACKINGS = 2;

  /** Tasks for each worker that have nothing to pack. */
  private static final int SHARED_TASKS_PER_WORKER = 8;

  private final OneDnn library;
  private final CpuForwardKernels kernels;
  private final Map<Size, BfloatTile> tiles = new HashMap<>();
  private final GrowingMemory rounded = new GrowingMemory();

  /** Packed weights that several workers read: no more than a tile for each. */
  private final GrowingMemory shared = new GrowingMemory();

  private final List<Scratch> scratches = new ArrayList<>();

  public BfloatLinear(OneDnn library, CpuForwardKernels kernels) {
    this.library = library;
    this.kernels = kernels;
  }

  private record Size(int features, int columns) {}

  private static final class Scratch {
    final WorkerBuffers buffers = new WorkerBuffers();
    final float[] row = new float[FEATURES];
  }

  private record Block(int row, int rowEnd, int feature, int featureEnd) {}

  @FunctionalInterface
  private interface Work {
    void run(int worker, int featureTile, Block block);
  }

  /** Returns whether a weight is multiplied here. */
  public static boolean takes(WeightMatrix w) {
    return w.dtype() == DType.BF16 && w.elements() > 0;
  }

  /**
   * A linear layer.
   *
   * @param w one that is {@linkplain #takes taken}
   */
  public void linear(
      CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    while (scratches.size() < workers.count()) {
      scratches.add(new Scratch());
    }
    for (int from = 0; from < x.rows(); from += ROWS_PER_PART) {
      int count = Math.min(ROWS_PER_PART, x.rows() - from);
      new Layer(x.rows(from, count), w, bias, out.rows(from, count)).multiply(workers);
    }
  }

  private BfloatTile tile(int features, int columns) {
    return tiles.computeIfAbsent(
        new Size(features, columns), size -> new BfloatTile(library, features, columns));
  }

  /** The product of one part of the rows. */
  private final class Layer {
    private final CpuTensor x;
    private final WeightMatrix w;
    private final CpuTensor bias;
    private final CpuTensor out;
    private final int tileFeatures;
    private final int tileRows;
    private final MemorySegment halves;

    Layer(CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out) {
      this.x = x;
      this.w = w;
      this.bias = bias;
      this.out = out;
      tileFeatures = Math.min(FEATURES, Math.ceilDiv(w.rows(), FEATURE_STEP) * FEATURE_STEP);
      tileRows = Math.ceilDiv(x.rows(), BfloatTile.ROWS);
      halves = rounded.atLeast(at(runs(), 0));
    }

    private int runs() {
      return Math.ceilDiv(w.columns(), RUN);
    }

    private int depth(int run) {
      return Math.min(RUN, w.columns() - run * RUN);
    }

    /** Returns where a run of a row begins among the rounded activations, in bytes. */
    private long at(int run, int row) {
      long before = (long) run * tileRows * BfloatTile.ROWS * BfloatTile.stride(RUN);
      long within = run == runs() ? 0 : (long) row * BfloatTile.stride(depth(run));
      return (before + within) * Short.BYTES;
    }

    void multiply(WorkerPool workers) {
      BfloatTile[] byRun = new BfloatTile[runs()];
      for (int run = 0; run < byRun.length; run++) {
        byRun[run] = tile(tileFeatures, depth(run));
      }
      workers.runRanges(x.rows(), BfloatTile.ROWS, (worker, from, to) -> round(from, to));
      int featureTiles = Math.ceilDiv(w.rows(), tileFeatures);
      int parts = Math.ceilDiv(TASKS_PER_WORKER * workers.count(), featureTiles);
      if (workers.count() == 1 || parts <= MOST_PACKINGS) {
        inTasks(
            featureTiles,
            workers.count() == 1 ? 1 : parts,
            workers,
            (worker, tile, block) -> multiply(byRun, block, scratches.get(worker)));
        return;
      }
      for (int run = 0; run < byRun.length; run++) {
        multiplyShared(run, byRun[run], featureTiles, workers);
      }
    }

    private void inTasks(int featureTiles, int parts, WorkerPool workers, Work work) {
      int rows = Math.ceilDiv(tileRows, parts) * BfloatTile.ROWS;
      workers.run(
          featureTiles * Math.ceilDiv(x.rows(), rows),
          (worker, task) -> {
            int tile = task % featureTiles;
            int row = task / featureTiles * rows;
            work.run(worker, tile, block(tile, row, Math.min(x.rows(), row + rows)));
          });
    }

    /** Multiplies by weights that it packs for itself. */
    private void multiply(BfloatTile[] byRun, Block block, Scratch scratch) {
      WorkerBuffers buffers = scratch.buffers;
      for (int run = 0; run < byRun.length; run++) {
        BfloatTile tile = byRun[run];
        try (Session session = tile.session(buffers, buffers.packed.atLeast(tile.packedBytes()))) {
          pack(run, tile, session, block, buffers);
          multiply(run, session, block, scratch);
        }
      }
    }

    /** Multiplies by a run of all features, whose tiles are each packed once for all workers. */
    private void multiplyShared(int run, BfloatTile tile, int featureTiles, WorkerPool workers) {
      long bytes = tile.packedBytes();
      MemorySegment all = shared.atLeast(featureTiles * bytes);
      inTasks(
          featureTiles,
          1,
          workers,
          (worker, i, block) -> {
            WorkerBuffers buffers = scratches.get(worker).buffers;
            try (Session session = tile.session(buffers, all.asSlice(i * bytes, bytes))) {
              pack(run, tile, session, block, buffers);
            }
          });
      int parts = Math.ceilDiv(SHARED_TASKS_PER_WORKER * workers.count(), featureTiles);
      inTasks(
          featureTiles,
          parts,
          workers,
          (worker, i, block) -> {
            Scratch scratch = scratches.get(worker);
            try (Session session = tile.session(scratch.buffers, all.asSlice(i * bytes, bytes))) {
              multiply(run, session, block, scratch);
            }
          });
    }

    private Block block(int featureTile, int row, int rowEnd) {
      int feature = featureTile * tileFeatures;
      return new Block(row, rowEnd, feature, Math.min(w.rows(), feature + tileFeatures));
    }

    private void round(int from, int to) {
      for (int row = from; row < to; row++) {
        for (int run = 0; run < runs(); run++) {
          kernels.round(x.data(), x.at(row) + run * RUN, depth(run), halves, at(run, row));
        }
      }
    }

    private void pack(
        int run, BfloatTile tile, Session session, Block block, WorkerBuffers buffers) {
      read(run, block, buffers.plain.atLeast(tile.plainBytes()));
      session.pack();
    }

    private void multiply(int run, Session session, Block block, Scratch scratch) {
      for (int row = block.row; row < block.rowEnd; row += BfloatTile.ROWS) {
        session.multiply(halves.asSlice(at(run, row)));
        take(run, scratch, row, Math.min(block.rowEnd, row + BfloatTile.ROWS), block);
      }
    }

    /** Copies a run of a block's weights. What features lack for a tile is whatever was there. */
    private void read(int run, Block block, MemorySegment to) {
      int depth = depth(run);
      WeightMatrix features = w.rows(block.feature, block.featureEnd - block.feature);
      WeightMatrix part = features.transposed().rows(run * RUN, depth).transposed();
      DenseRows.gather(part, to, (long) depth * Short.BYTES);
    }

    /** Adds a run's sums to rows of the output, and after the last run the bias. */
    private void take(int run, Scratch scratch, int row, int rowEnd, Block block) {
      MemorySegment sums = scratch.buffers.sums.atLeast(0);
      int count = block.featureEnd - block.feature;
      for (int r = row; r < rowEnd; r++) {
        long from = (long) (r - row) * tileFeatures * Float.BYTES;
        int to = out.at(r) + block.feature;
        if (run == 0) {
          MemorySegment.copy(sums, JAVA_FLOAT, from, out.data(), to, count);
        } else {
          MemorySegment.copy(sums, JAVA_FLOAT, from, scratch.row, 0, count);
          add(scratch.row, out.data(), to, count);
        }
        if (run == runs() - 1) {
          out.addBias(r, bias, block.feature, count);
        }
      }
    }
  }

  private static void add(float[] from, float[] to, int at, int count) {
    for (int i = 0; i < count; i++) {
      to[at + i] += from[i];
    }
  }

  /** Frees all buffers and what was compiled; no product may be under way. */
  @Override
  public void close() {
    tiles.values().forEach(BfloatTile::close);
    scratches.forEach(scratch -> scratch.buffers.close());
    rounded.close();
    shared.close();
  }
}
