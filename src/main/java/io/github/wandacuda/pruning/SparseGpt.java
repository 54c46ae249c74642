package io.github.wandacuda.pruning;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.Sparsity.GroupPattern;
import io.github.wandacuda.Sparsity.Ratio;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.ColumnBlock;
import io.github.wandacuda.scalar.SparseGptKernels;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * SparseGPT (Frantar and Alistarh, arXiv 2301.00774, algorithm 1, as the code of Wanda runs it):
 * weights are pruned column by column, and those to the right make up for what the outputs lose.
 *
 * <p>Columns are taken in blocks of {@link #BLOCK}. For a share s, a block's threshold is element
 * {@code floor(rows * columns * s)} of its sorted scores, those of all rows together, and all
 * weights whose scores are at most that go: one more than the share, and more where scores are
 * equal. For N:M, the N lowest of each group go, chosen once the group's columns are reached;
 * blocks then have the most columns up to {@link #BLOCK} that are whole groups, or are one larger
 * group. {@link SparseGptKernels} says what happens in a block; the columns to the right of it
 * become {@code w + changes U}, with the product summed as {@link Operations#linear} does, then
 * rounded. Weights whose squares float32 doesn't hold are multiplied by a power of 2 meanwhile,
 * which changes no bit of a score otherwise.
 *
 * <p>Not for several threads at once.
 */
record SparseGpt(
    Operations operations,
    WorkerPool workers,
    GramFactor factor,
    SparseGptKernels kernels,
    int tileElements) {
  /** Columns of a block. */
  public static final int BLOCK = 128;

  /** Elements of a tile of rows at most: 16 MiB of what is added to them. */
  private static final int TILE_ELEMENTS = 1 << 22;

  SparseGpt(Operations operations, WorkerPool workers, GramFactor factor) {
    this(operations, workers, factor, LayerwiseKernels.chosen().sparseGpt(), TILE_ELEMENTS);
  }

  /**
   * Prunes a matrix.
   *
   * @param weights F32 [rows, columns] with elements of a row side by side and all finite; changed
   *     in place, with +0.0 for weights that are pruned. Dead columns are pruned whole, on top of
   *     what the sparsity asks for where their zeros aren't the lowest scores already
   * @param sparsity a share, of all weights of a block; or N:M with whole groups in a row
   * @param mask takes [rows, ceil(columns / 8)] bytes as {@link io.github.wandacuda.Mask} has them
   * @throws IllegalArgumentException if the type, a size or the pattern doesn't fit
   */
  public long prune(WeightMatrix weights, Sparsity sparsity, MemorySegment mask) {
    requireFit(weights, sparsity, mask);
    if (weights.elements() == 0) {
      return 0;
    }
    mask.asSlice(0, maskBytes(weights)).fill((byte) 0);
    WeightRows rows = new WeightRows(weights, workers);
    clearDead(rows);
    int shift = rows.shift();
    rows.scale(shift);
    int width = Math.min(width(sparsity), weights.columns());
    long pruned = 0;
    int most = Math.max(1, tileElements / weights.columns() / SparseGptKernels.ROWS);
    int tileRows = Math.min(weights.rows(), most * SparseGptKernels.ROWS);
    try (TrailingUpdate update = new TrailingUpdate(operations, rows, factor, width, tileRows)) {
      SparseGptBlock work = new SparseGptBlock(kernels, rows, mask, width, workers);
      for (int first = 0; first < weights.columns(); first += width) {
        int count = Math.min(width, weights.columns() - first);
        ColumnBlock block = block(first, count);
        work.begin(first, block, sparsity);
        update.begin(first, count);
        for (int row = 0; row < weights.rows(); row += tileRows) {
          int rowEnd = Math.min(weights.rows(), row + tileRows);
          pruned += work.prune(row, rowEnd, update.changes());
          update.run(row, rowEnd);
        }
      }
    }
    rows.scale(-shift);
    return pruned;
  }

  private void requireFit(WeightMatrix weights, Sparsity sparsity, MemorySegment mask) {
    int columns = weights.columns();
    if (weights.dtype() != DType.F32 || !weights.hasDenseRows()) {
      throw new IllegalArgumentException(
          "weights: expected F32 with dense rows, found %s with column stride %d"
              .formatted(weights.dtype(), weights.columnStride()));
    }
    if (columns != factor.columns()) {
      throw new IllegalArgumentException(
          "weights: expected %d columns as the Gram matrix has, found %d"
              .formatted(factor.columns(), columns));
    }
    if (sparsity instanceof GroupPattern pattern && !pattern.fits(columns)) {
      throw new IllegalArgumentException(
          "pattern: expected whole groups of %d in %d columns".formatted(pattern.size(), columns));
    }
    if (mask.byteSize() < maskBytes(weights)) {
      throw new IllegalArgumentException(
          "mask: expected %d bytes, found %d".formatted(maskBytes(weights), mask.byteSize()));
    }
  }

  private static long maskBytes(WeightMatrix weights) {
    return (long) weights.rows() * Math.ceilDiv(weights.columns(), Byte.SIZE);
  }

  private static int width(Sparsity sparsity) {
    return switch (sparsity) {
      case Ratio ratio -> BLOCK;
      case GroupPattern pattern -> Math.max(1, BLOCK / pattern.size()) * pattern.size();
    };
  }

  private void clearDead(WeightRows rows) {
    for (int column = 0; column < factor.columns(); column++) {
      if (factor.isDead(column)) {
        rows.clearColumn(column);
      }
    }
  }

  private ColumnBlock block(int first, int width) {
    int stride = ColumnBlock.stride(width);
    float[] upper = new float[width * stride];
    boolean[] dead = new boolean[width];
    for (int j = 0; j < width; j++) {
      float[] column = factor.column(first + j);
      for (int i = 0; i <= j; i++) {
        upper[i * stride + j] = column[first + i];
      }
      dead[j] = factor.isDead(first + j);
    }
    return new ColumnBlock(width, upper, dead);
  }

  /**
   * Passes the changes of a block of columns on to the columns to the right of it, by linear layers
   * whose weights are U's rows of the block. Rows are taken in tiles, which bounds the memory.
   */
  private static final class TrailingUpdate implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final Operations operations;
    private final WeightRows rows;
    private final GramFactor factor;
    private final MemorySegment changes;
    private final MemorySegment panel;
    private final MemorySegment terms;
    private final Tensor changesOnDevice;
    private final Tensor termsOnDevice;

    private int width;

    /** The first column to the right of the block. */
    private int right;

    private Weight weight;

    /** Makes room for the widest block and tiles of so many rows. */
    TrailingUpdate(
        Operations operations, WeightRows rows, GramFactor factor, int widest, int tileRows) {
      this.operations = operations;
      this.rows = rows;
      this.factor = factor;
      int rest = rows.columns() - widest;
      changes = floats((long) tileRows * widest);
      panel = floats((long) rest * widest);
      terms = floats((long) tileRows * rest);
      changesOnDevice = operations.tensor(tileRows * widest, 1);
      termsOnDevice = operations.tensor(tileRows * rest, 1);
    }

    private MemorySegment floats(long count) {
      return arena.allocate(Math.max(1, count) * Float.BYTES, Long.BYTES);
    }

    /** Returns where a tile's changes are put, dense rows of the block's width. */
    MemorySegment changes() {
      return changes;
    }

    void begin(int first, int count) {
      closeWeight();
      width = count;
      right = first + count;
      int rest = rows.columns() - right;
      for (int j = 0; j < rest; j++) {
        long at = (long) j * width * Float.BYTES;
        MemorySegment.copy(factor.column(right + j), first, panel, FLOAT, at, width);
      }
      if (rest > 0) {
        weight = operations.weight(WeightMatrix.of(panel, DType.F32, rest, width));
      }
    }

    /** Passes the changes of rows {@code from} to {@code to - 1} on. */
    void run(int from, int to) {
      if (weight == null) {
        return;
      }
      Tensor x = shaped(changesOnDevice, to - from, width);
      Tensor product = shaped(termsOnDevice, to - from, weight.rows());
      operations.upload(changes, x);
      operations.linear(x, weight, null, product);
      operations.download(product, terms);
      rows.add(terms, from, to, right);
    }

    private static Tensor shaped(Tensor tensor, int rows, int columns) {
      return tensor.rows(0, rows * columns).reshaped(rows, columns);
    }

    private void closeWeight() {
      if (weight != null) {
        weight.close();
        weight = null;
      }
    }

    @Override
    public void close() {
      closeWeight();
      changesOnDevice.close();
      termsOnDevice.close();
      arena.close();
    }
  }
}
