package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.Sparsity.GroupPattern;
import io.github.wandacuda.Sparsity.Ratio;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Elementwise.Scale;
import io.github.wandacuda.forward.LayerFitting;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.pruning.mask.MagnitudeThreshold;
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
public record SparseGpt(
    Operations operations,
    WorkerPool workers,
    GramFactor factor,
    SparseGptKernels kernels,
    int tileElements) {
  /** Columns of a block. */
  public static final int BLOCK = 128;

  /** Elements of a tile of rows at most: 16 MiB of what is added to them. */
  private static final int TILE_ELEMENTS = 1 << 22;

  /**
   * Makes a pruner for layers with the same inputs.
   *
   * @param operations compute the products; results are the same for any backend that sums as the
   *     CPU does
   * @param workers threads for the rest; results are the same for any number of them
   * @param factor of the inputs' Gram matrix
   */
  public SparseGpt(Operations operations, WorkerPool workers, GramFactor factor) {
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
  public void prune(WeightMatrix weights, Sparsity sparsity, MemorySegment mask) {
    requireFit(weights, sparsity, mask);
    if (weights.elements() == 0) {
      return;
    }
    mask.asSlice(0, maskBytes(weights)).fill((byte) 0);
    WeightRows rows = new WeightRows(weights, workers);
    clearDead(rows);
    int shift = rows.shift(factor.dead());
    rows.scale(shift);
    int width = Math.min(width(sparsity), weights.columns());
    int tileRows = tileRows(weights);
    try (Arena arena = Arena.ofShared();
        TrailingUpdate update = new TrailingUpdate(width, tileRows)) {
      MemorySegment changes = floats(arena, tileRows, width);
      MemorySegment terms = floats(arena, tileRows, weights.columns() - width);
      SparseGptBlock work = new SparseGptBlock(kernels, rows, mask, width, workers);
      for (int first = 0; first < weights.columns(); first += width) {
        int count = Math.min(width, weights.columns() - first);
        ColumnBlock block = block(first, count);
        work.begin(first, block, sparsity);
        update.begin(first, count);
        for (int row = 0; row < weights.rows(); row += tileRows) {
          int rowEnd = Math.min(weights.rows(), row + tileRows);
          work.prune(row, rowEnd, changes);
          if (update.hasColumns()) {
            Tensor of = update.changes(rowEnd - row);
            operations.upload(changes, of);
            operations.download(update.terms(of), terms);
            rows.add(terms, row, rowEnd, first + count);
          }
        }
      }
    }
    rows.scale(-shift);
  }

  /**
   * Prunes and fits a layer that lies on a device. Fitted weights that are too large for the
   * module's type aren't refused here, but when they are written.
   *
   * @param device of the operations
   * @param weights its weights in host memory, which stay as they are
   * @param w the same on the device, as are {@code kept} and {@code x}
   * @param kept takes the mask
   * @param x takes the result
   */
  void prune(
      LayerFitting device,
      WeightMatrix weights,
      Sparsity sparsity,
      Tensor w,
      Tensor kept,
      Tensor x) {
    int shift = new WeightRows(weights, workers).shift(factor.dead());
    scale(w, shift, x);
    int width = Math.min(width(sparsity), weights.columns());
    int tileRows = tileRows(weights);
    try (TrailingUpdate update = new TrailingUpdate(width, tileRows);
        Tensor scores = operations.tensor(weights.rows() * width, 1);
        Tensor blocks = operations.tensor((width + 1) * ColumnBlock.stride(width), 1)) {
      for (int first = 0; first < weights.columns(); first += width) {
        ColumnBlock columns = block(first, Math.min(width, weights.columns() - first));
        Tensor block = shaped(blocks, columns.width() + 1, columns.stride());
        operations.upload(MemorySegment.ofArray(columns.withDead()), block);
        int threshold = -1;
        int pruned = 0;
        int size = columns.width();
        switch (sparsity) {
          case Ratio ratio -> {
            Tensor of = shaped(scores, weights.rows(), columns.width());
            device.sparseGptScores(x, first, block, of);
            long index = ratio.of((long) weights.rows() * columns.width());
            threshold = Float.floatToRawIntBits(MagnitudeThreshold.at(index, device, of));
          }
          case GroupPattern pattern -> {
            pruned = pattern.pruned();
            size = pattern.size();
          }
        }
        update.begin(first, columns.width());
        for (int row = 0; row < weights.rows(); row += tileRows) {
          int count = Math.min(tileRows, weights.rows() - row);
          Tensor rows = x.rows(row, count);
          Tensor changes = update.changes(count);
          Tensor marks = kept.rows(row, count);
          device.sparseGpt(rows, first, block, threshold, pruned, size, changes, marks);
          if (update.hasColumns()) {
            device.addColumns(update.terms(changes), rows, first + columns.width());
          }
        }
      }
    }
    if (shift != 0) {
      scale(x, -shift, x);
    }
  }

  /** Multiplies by a power of 2, which float32 may not hold, in two steps. */
  private void scale(Tensor from, int exponent, Tensor to) {
    int half = exponent / 2;
    operations.elementwise(new Scale(Math.scalb(1f, half)), from, null, to);
    if (half != exponent) {
      operations.elementwise(new Scale(Math.scalb(1f, exponent - half)), to, null, to);
    }
  }

  /** Returns how many rows of a layer are worked on at a time. */
  private int tileRows(WeightMatrix weights) {
    int most = Math.max(1, tileElements / weights.columns() / SparseGptKernels.ROWS);
    return Math.min(weights.rows(), most * SparseGptKernels.ROWS);
  }

  private static MemorySegment floats(Arena arena, long rows, int columns) {
    return arena.allocate(Math.max(1, rows * columns) * Float.BYTES, Long.BYTES);
  }

  /** Returns the first elements of a tensor of one column as a matrix. */
  private static Tensor shaped(Tensor tensor, int rows, int columns) {
    return tensor.rows(0, rows * columns).reshaped(rows, columns);
  }

  /** Checks that type, sizes and pattern fit. */
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

  /** Returns how many columns a block has. */
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

  /** Returns a block of columns with its part of the factor. */
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
   * What the changes of a block of columns come to in the columns to the right of it: a linear
   * layer whose weights are U's rows of the block. Rows are taken in tiles, which bounds the
   * memory.
   */
  private final class TrailingUpdate implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment panel;
    private final Tensor changes;
    private final Tensor terms;

    private int width;
    private Weight weight;

    /**
     * Makes room.
     *
     * @param widest columns of the widest block, which is the first
     * @param tileRows rows of a tile at most
     */
    TrailingUpdate(int widest, int tileRows) {
      int rest = factor.columns() - widest;
      panel = floats(arena, rest, widest);
      changes = operations.tensor(tileRows * widest, 1);
      terms = operations.tensor(tileRows * rest, 1);
    }

    /**
     * Begins a block.
     *
     * @param first its first column
     * @param count its columns
     */
    void begin(int first, int count) {
      closeWeight();
      width = count;
      int right = first + count;
      int rest = factor.columns() - right;
      for (int j = 0; j < rest; j++) {
        long at = (long) j * width * Float.BYTES;
        MemorySegment.copy(factor.column(right + j), first, panel, FLOAT, at, width);
      }
      if (rest > 0) {
        weight = operations.weight(WeightMatrix.of(panel, DType.F32, rest, width));
      }
    }

    /** Returns whether there are columns to the right of the block. */
    boolean hasColumns() {
      return weight != null;
    }

    /** Returns the tensor that takes the changes of some rows, [rows, columns of the block]. */
    Tensor changes(int rows) {
      return shaped(changes, rows, width);
    }

    /**
     * Returns what the changes of some rows come to in the columns to the right of the block; valid
     * until the next call.
     */
    Tensor terms(Tensor of) {
      Tensor product = shaped(terms, of.rows(), weight.rows());
      operations.linear(of, weight, null, product);
      return product;
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
      changes.close();
      terms.close();
      arena.close();
    }
  }
}
