package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;

/**
 * Linear layers as a blocked matrix product (Goto and van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008). All workers copy the activations into one panel; then each task
 * computes some output features. For each run of columns in order, it packs that run of its
 * weights, small enough for the second-level cache, and multiplies it with every row.
 */
final class VectorLinear {
  private static final int RUN = CpuForwardKernels.RUN;

  /**
   * Most features of a task: 256 KB of packed weights. Each task reads all activations, and a panel
   * of 2048 x 4096 is no longer in the third-level cache when the next task starts. With 128
   * features it is read twice as often, which cost about 4 % on a Zen 5.
   */
  private static final int MOST_FEATURES = 256;

  /**
   * Rows that stay in the second-level cache while all of a task's features are computed: 96 KB or
   * more.
   */
  private static final int ROWS_PER_PASS = 24 * RegisterTile.ROWS;

  /** Tasks for each worker, so that all workers end at about the same time. */
  private static final int TASKS_PER_WORKER = 4;

  /**
   * Rows of a part, which bounds the buffers. The weights are packed again for each part; packing a
   * weight takes about as long as its products with 50 rows.
   */
  private static final int ROWS_PER_PART = 2048;

  private final ActivationPanel panel = new ActivationPanel();
  private final WorkerLocal<Scratch> scratches = new WorkerLocal<>(Scratch::new);

  private static final class Scratch {
    final WeightPanel weights = new WeightPanel();
    final RegisterTileSums sums = new RegisterTileSums();
  }

  /** A weight that is packed run by run; see {@link WeightPanel#pack}. */
  private interface Source {
    void pack(WeightPanel panel, int feature, int count, int column, int depth);
  }

  /** A task's part of the output; the ends are exclusive. */
  private record Block(int row, int rowEnd, int feature, int featureEnd) {}

  /** Reads a part of a row of weights, as {@link io.github.wandacuda.RowReader#read} does. */
  @FunctionalInterface
  interface Rows {
    void read(int row, int column, int count, float[] to, int offset);
  }

  void linear(CpuTensor x, Rows w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    Source source =
        (to, feature, count, column, depth) -> to.pack(w, null, feature, count, column, depth);
    linear(x, source, bias, out, workers);
  }

  void linear(CpuTensor x, RowReader w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    WeightMatrix bfloats =
        w instanceof WeightMatrix m && m.dtype() == DType.BF16 && m.hasDenseRows() ? m : null;
    Source source =
        (to, feature, count, column, depth) ->
            to.pack(w::read, bfloats, feature, count, column, depth);
    linear(x, source, bias, out, workers);
  }

  void linear(CpuTensor x, FeatureBlocks w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    Source source =
        (to, feature, count, column, depth) -> to.unpack(w, feature, count, column, depth);
    linear(x, source, bias, out, workers);
  }

  private void linear(CpuTensor x, Source w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    scratches.prepare(workers);
    int parts = Math.max(1, Math.ceilDiv(x.rows(), ROWS_PER_PART));
    int rows = Math.ceilDiv(x.rows(), parts);
    for (int from = 0; from < x.rows(); from += rows) {
      int count = Math.min(rows, x.rows() - from);
      panel.pack(x, from, count, workers);
      multiply(w, bias, out.rows(from, count), workers);
    }
  }

  private void multiply(Source w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    int width = featuresPerTask(out.columns(), workers);
    int featureTasks = Math.ceilDiv(out.columns(), width);
    int rows = rowsPerTask(out.rows(), featureTasks, workers);
    workers.run(
        featureTasks * Math.ceilDiv(out.rows(), rows),
        (worker, task) -> {
          int feature = task % featureTasks * width;
          int row = task / featureTasks * rows;
          Block block =
              new Block(
                  row,
                  Math.min(out.rows(), row + rows),
                  feature,
                  Math.min(out.columns(), feature + width));
          multiply(w, bias, out, block, scratches.of(worker));
        });
  }

  /**
   * Returns the features of a task: fewer than the most if a narrow layer would have too few tasks.
   */
  private static int featuresPerTask(int features, WorkerPool workers) {
    int share = Math.ceilDiv(features, TASKS_PER_WORKER * workers.count());
    return workers.count() == 1
        ? MOST_FEATURES
        : Math.clamp(RegisterTile.wholeColumns(share), RegisterTile.COLUMNS, MOST_FEATURES);
  }

  /**
   * Returns the rows of a task: all of them, unless there are too few features to keep every worker
   * busy.
   */
  private static int rowsPerTask(int rows, int featureTasks, WorkerPool workers) {
    int wanted = Math.ceilDiv(TASKS_PER_WORKER * workers.count(), Math.max(1, featureTasks));
    int share = Math.ceilDiv(Math.ceilDiv(rows, wanted), ROWS_PER_PASS) * ROWS_PER_PASS;
    return workers.count() == 1 ? rows : share;
  }

  private void multiply(Source w, CpuTensor bias, CpuTensor out, Block block, Scratch scratch) {
    int rows = block.rowEnd - block.row;
    int features = block.featureEnd - block.feature;
    scratch.sums.reshape(rows, features);
    for (int run = 0; run < panel.runs(); run++) {
      w.pack(scratch.weights, block.feature, features, run * RUN, panel.depth(run));
      for (int row = 0; row < rows; row += ROWS_PER_PASS) {
        int rowEnd = Math.min(rows, row + ROWS_PER_PASS);
        for (int feature = 0; feature < features; feature += RegisterTile.COLUMNS) {
          pass(run, block.row, row, rowEnd, feature, scratch);
        }
      }
    }
    scratch.sums.copyTo(out, block.row, block.feature, bias);
  }

  /** Adds one run to the sums of some rows and one tile's width of features. */
  private void pass(int run, int start, int row, int rowEnd, int feature, Scratch scratch) {
    int depth = panel.depth(run);
    int weights = scratch.weights.at(feature, depth);
    float[] rows = panel.data;
    float[] features = scratch.weights.data;
    float[] sums = scratch.sums.data();
    for (int r = row; r < rowEnd; r += RegisterTile.ROWS) {
      int from = panel.at(run, start + r);
      int at = scratch.sums.at(r, feature);
      RegisterTile.multiply(rows, from, features, weights, depth, run == 0, sums, at);
    }
  }

  /**
   * Rows of activations in the order in which register tiles read them: by runs of columns, within
   * a run by blocks of {@link RegisterTile#ROWS} rows, within a block by columns. The content of
   * the rows that pad the last tile is undefined.
   */
  private static final class ActivationPanel {
    private static final int ROWS_PER_TASK = 4 * RegisterTile.ROWS;

    private float[] data = {};
    private int rows;
    private int columns;

    /** Copies {@code count} rows of {@code x} from row {@code from} on. */
    public void pack(CpuTensor x, int from, int count, WorkerPool workers) {
      rows = RegisterTile.wholeRows(count);
      columns = x.columns();
      data = RegisterTile.grown(data, rows, columns);
      workers.runRanges(
          count,
          ROWS_PER_TASK,
          (worker, first, end) -> {
            for (int row = first; row < end; row += RegisterTile.ROWS) {
              packTile(x, from + row, Math.min(RegisterTile.ROWS, end - row), row);
            }
          });
    }

    private void packTile(CpuTensor x, int from, int rowCount, int row) {
      for (int run = 0; run < runs(); run++) {
        int at = x.at(from) + run * RUN;
        RegisterTile.stand(
            x.data(), at, columns, rowCount, depth(run), data, at(run, row), RegisterTile.ROWS);
      }
    }

    /** Returns the number of runs; without columns there is one empty run. */
    public int runs() {
      return Math.max(1, Math.ceilDiv(columns, RUN));
    }

    public int depth(int run) {
      return Math.min(RUN, columns - run * RUN);
    }

    /** Returns the offset of a run of the tile whose first row is {@code row}. */
    public int at(int run, int row) {
      return run * RUN * rows + row * depth(run);
    }
  }

  /**
   * One run of columns of some output features, widened to float32, in the order in which register
   * tiles read it: by blocks of {@link RegisterTile#COLUMNS} features, within a block by columns.
   * The content of features that pad the last tile is undefined.
   */
  private static final class WeightPanel {
    private static final ValueLayout.OfFloat PAIR =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final LaneTranspose turn = new LaneTranspose();
    private final float[] rows = new float[Lanes.COUNT * CpuForwardKernels.RUN];
    private final float[] square = new float[Lanes.COUNT * Lanes.COUNT];
    private float[] data = {};

    /**
     * Reads columns {@code column} to {@code column + depth - 1} of {@code count} features.
     *
     * @param bfloats the same weights if they are rows of BF16, else null
     * @param depth a run or less
     */
    public void pack(Rows w, WeightMatrix bfloats, int feature, int count, int column, int depth) {
      data = RegisterTile.grown(data, RegisterTile.wholeColumns(count), CpuForwardKernels.RUN);
      boolean pairs = bfloats != null && depth % (2 * Lanes.COUNT) == 0;
      for (int i = 0; i < count; i += Lanes.COUNT) {
        int features = Math.min(Lanes.COUNT, count - i);
        for (int row = 0; row < features; row++) {
          int number = feature + i + row;
          int to = row * CpuForwardKernels.RUN;
          if (pairs) {
            long from = bfloats.byteOffset(number, column);
            MemorySegment.copy(bfloats.data(), PAIR, from, rows, to, depth / 2);
          } else {
            w.read(number, column, depth, rows, to);
          }
        }
        int lane = i % RegisterTile.COLUMNS;
        if (pairs) {
          turnPairs(depth / 2, at(i - lane, depth) + lane);
        } else {
          turnRows(depth, at(i - lane, depth) + lane);
        }
      }
    }

    /**
     * Packs a weight whose features stand side by side already, as {@link #pack} does for others.
     *
     * @param feature the first one, with which a block begins
     * @param count how many features
     * @param column the first column
     * @param depth columns, a run or less
     */
    public void unpack(FeatureBlocks w, int feature, int count, int column, int depth) {
      int blocks = Math.ceilDiv(count, FeatureBlocks.FEATURES);
      data =
          RegisterTile.grown(
              data,
              RegisterTile.wholeColumns(blocks * FeatureBlocks.FEATURES),
              CpuForwardKernels.RUN);
      for (int block = 0; block < blocks; block++) {
        int first = block * FeatureBlocks.FEATURES;
        long from = w.at(feature + first, column);
        long step = (long) FeatureBlocks.FEATURES * w.dtype().bytes();
        int tile = first / RegisterTile.COLUMNS * RegisterTile.COLUMNS;
        int to = at(tile, depth) + first - tile;
        switch (w.dtype()) {
          case F32 -> unpackFloats(w.data(), from, step, depth, to);
          case F16 -> unpackHalves(w.data(), from, step, depth, to);
          case BF16 -> unpackBfloats(w.data(), from, step, depth, to);
        }
      }
    }

    private void unpackFloats(MemorySegment from, long at, long step, int depth, int to) {
      for (int k = 0; k < depth; k++) {
        long w = at + k * step;
        int column = to + k * RegisterTile.COLUMNS;
        FeatureBlocks.floats(from, w).intoArray(data, column);
        FeatureBlocks.floats(from, w + (long) Lanes.COUNT * Float.BYTES)
            .intoArray(data, column + Lanes.COUNT);
      }
    }

    private void unpackHalves(MemorySegment from, long at, long step, int depth, int to) {
      for (int k = 0; k < depth; k++) {
        int column = to + k * RegisterTile.COLUMNS;
        FeatureBlocks.halves(from, at + k * step, FeatureBlocks.FEATURES, data, column);
      }
    }

    private void unpackBfloats(MemorySegment from, long at, long step, int depth, int to) {
      for (int k = 0; k < depth; k++) {
        IntVector pairs = FeatureBlocks.pairs(from, at + k * step);
        int column = to + k * RegisterTile.COLUMNS;
        FeatureBlocks.lowBfloats(pairs).intoArray(data, column);
        FeatureBlocks.highBfloats(pairs).intoArray(data, column + Lanes.COUNT);
      }
    }

    /**
     * Writes rows of pairs of BF16 as columns, as {@link #turnRows} does for floats. A pair is
     * transposed as one float, whose bits stay as they are, and widened at the end. So there are
     * half as many squares. An expert's layers of 128 tokens ran 1.25 times as fast with that on a
     * Zen 4.
     */
    private void turnPairs(int pairs, int to) {
      for (int k = 0; k < pairs; k += Lanes.COUNT) {
        turn.square(rows, k, CpuForwardKernels.RUN, square, 0, Lanes.COUNT);
        for (int pair = 0; pair < Lanes.COUNT; pair++) {
          IntVector both = Lanes.load(square, pair * Lanes.COUNT).reinterpretAsInts();
          int column = to + 2 * (k + pair) * RegisterTile.COLUMNS;
          FeatureBlocks.lowBfloats(both).intoArray(data, column);
          FeatureBlocks.highBfloats(both).intoArray(data, column + RegisterTile.COLUMNS);
        }
      }
    }

    /** Writes {@link #rows} as columns; old content of unused rows does no harm. */
    private void turnRows(int depth, int to) {
      int whole = Lanes.FLOATS.loopBound(depth);
      for (int k = 0; k < whole; k += Lanes.COUNT) {
        turn.square(
            rows,
            k,
            CpuForwardKernels.RUN,
            data,
            to + k * RegisterTile.COLUMNS,
            RegisterTile.COLUMNS);
      }
      RegisterTile.stand(
          rows,
          whole,
          CpuForwardKernels.RUN,
          Lanes.COUNT,
          depth - whole,
          data,
          to + whole * RegisterTile.COLUMNS,
          RegisterTile.COLUMNS);
    }

    /** Returns the offset of the tile whose first feature is the {@code i}th. */
    public int at(int i, int depth) {
      return i * depth;
    }
  }
}
