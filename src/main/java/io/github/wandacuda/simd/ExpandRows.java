package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.ColumnBlocks.ROWS;
import static io.github.wandacuda.simd.ColumnBlocks.WORD;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;

/**
 * Products of a sparse BF16 matrix on a processor that expands vectors of 512 bits. Other types are
 * multiplied by {@link PanelRows}: F16 has to be widened, too, and took longer than the dense
 * matrix.
 *
 * <p>The time is that of reading the matrix. So rows that are multiplied together lie far apart in
 * a range: a thread then reads uninterrupted streams of values, which the processor fetches ahead
 * of it.
 */
public final class ExpandRows implements SparseKernels {
  /** The bytes that are read from the first value of a step on, even if it has fewer values. */
  private static final int VECTOR = 64;

  private final ThreadLocal<ColumnBlocks> blocks = ThreadLocal.withInitial(ColumnBlocks::new);

  private final SparseKernels others = new PanelRows();

  @Override
  public boolean isFasterThanDense(DType dtype) {
    return dtype == DType.BF16;
  }

  @Override
  public String description() {
    return "expanded in 512-bit vectors";
  }

  @Override
  public void multiply(
      SparseMatrix w, float[] x, int xAt, int count, float[] out, int outAt, int from, int to) {
    if (!isFasterThanDense(w.dtype())) {
      others.multiply(w, x, xAt, count, out, outAt, from, to);
      return;
    }
    int end = Math.clamp(readableRows(w), from, to);
    ColumnBlocks own = blocks.get();
    own.load(w, x, xAt, count);
    BlockProduct product = new BlockProduct(w, own, out, outAt, count);
    product.ones(product.fours(from, end), to);
  }

  /**
   * Returns how many rows can be read by whole vectors without reading behind the end of the
   * memory.
   */
  private static int readableRows(SparseMatrix matrix) {
    long bytes = matrix.dtype().bytes();
    long last = matrix.values().byteSize() - VECTOR;
    int rows = matrix.rows();
    while (rows > 0 && matrix.rowOffset(rows) * bytes > last) {
      rows--;
    }
    return rows;
  }

  /**
   * The operands of one call, multiplied block by block of columns. While a block is multiplied,
   * the bits of the next one are loaded ahead.
   */
  private record BlockProduct(
      SparseMatrix matrix, ColumnBlocks own, float[] out, int outAt, int count) {
    /**
     * Multiplies rows by fours.
     *
     * @return the first of the rows that are left, fewer than four
     */
    int fours(int from, int to) {
      int distance = (to - from) / ROWS;
      int end = from + distance;
      if (from < end && own.blocks > 0) {
        readBits(from, distance, 0);
      }
      for (int row = from; row < end; row++) {
        for (int i = 0; i < ROWS; i++) {
          own.at[i] = start(row + i * distance);
        }
        own.clearChains();
        for (int block = 0; block < own.blocks; block++) {
          own.turnBits();
          if (block + 1 < own.blocks) {
            readBits(row, distance, block + 1);
          } else if (row + 1 < end) {
            readBits(row + 1, distance, 0);
          }
          own.touchPages(matrix.values());
          multiply(block);
        }
        for (int i = 0; i < ROWS; i++) {
          sums(row + i * distance, i);
        }
      }
      return from + ROWS * distance;
    }

    private void readBits(int row, int distance, int block) {
      for (int i = 0; i < ROWS; i++) {
        own.readBits(matrix, row + i * distance, block, i);
      }
    }

    private void multiply(int block) {
      int words = own.words(block);
      int[] bits = own.bits;
      long[] at = own.at;
      own.mark();
      for (int group = 0; group < own.groups; group++) {
        own.goBack();
        float[] x = own.x(group, block);
        float[] chains = own.chains(group);
        if (own.tokens == 1) {
          BfloatRows.four(matrix.values(), at, bits, words, x, chains);
        } else {
          BfloatRows.two(matrix.values(), at, 0, bits, words, x, chains);
          BfloatRows.two(matrix.values(), at, 2, bits, words, x, chains);
        }
      }
    }

    /** Multiplies each row by itself, reading nothing behind the end of the memory. */
    void ones(int from, int to) {
      for (int row = from; row < to; row++) {
        own.at[0] = start(row);
        own.clearChains();
        for (int block = 0; block < own.blocks; block++) {
          own.readBits(matrix, row, block, 0);
          own.turnBits();
          own.mark();
          for (int t = 0; t < count; t++) {
            own.goBack();
            one(block, t);
          }
        }
        sums(row, 0);
      }
    }

    private void one(int block, int token) {
      int group = token / own.tokens;
      int t = token % own.tokens;
      int words = own.words(block);
      float[] x = own.x(group, block);
      float[] chains = own.chains(group);
      BfloatRows.one(matrix.values(), own.at, own.bits, words, x, t, own.tokens, chains);
    }

    private long start(int row) {
      return matrix.rowOffset(row) * matrix.dtype().bytes();
    }

    private void sums(int row, int place) {
      for (int t = 0; t < count; t++) {
        float[] chains = own.chains(t / own.tokens);
        int at = (place * own.tokens + t % own.tokens) * WORD;
        out[outAt + t * matrix.rows() + row] = Expansion.alternate(chains, at);
      }
    }
  }
}
