package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.ColumnBlocks.HALF;
import static io.github.wandacuda.simd.ColumnBlocks.ROWS;
import static io.github.wandacuda.simd.ColumnBlocks.WORD;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Products on a processor that expands vectors of 512 bits. The time is that of reading the matrix,
 * so rows that are multiplied together lie far apart in a range: a thread then reads uninterrupted
 * streams of values, which the processor fetches ahead of it.
 */
public final class ExpandRows implements SparseKernels {
  /** Bytes that a vector reads, from the first value of a step on. */
  private static final int VECTOR = 64;

  private static final long BITS = 0xffff_ffffL;

  private final ThreadLocal<ColumnBlocks> blocks = ThreadLocal.withInitial(ColumnBlocks::new);
  private final ThreadLocal<SparseBuffers> buffers = ThreadLocal.withInitial(SparseBuffers::new);

  @Override
  public boolean isFasterThanDense(DType dtype) {
    return true;
  }

  @Override
  public String description() {
    return "expanded in 512-bit vectors";
  }

  @Override
  public void multiply(
      SparseMatrix w, float[] x, int xAt, int count, float[] out, int outAt, int from, int to) {
    int end = Math.clamp(readableRows(w), from, to);
    if (w.dtype() == DType.BF16) {
      ColumnBlocks own = blocks.get();
      own.load(w, x, xAt, count);
      BlockProduct product = new BlockProduct(w, own, out, outAt, count);
      product.ones(product.fours(from, end), to);
    } else {
      SparseBuffers own = buffers.get();
      own.take(w, x, xAt, count);
      new RowProduct(w, own, out, outAt, count).multiply(from, end, to);
    }
  }

  /** Returns how many rows can be read by whole vectors without leaving the memory. */
  private static int readableRows(SparseMatrix matrix) {
    long bytes = matrix.dtype().bytes();
    long last = matrix.values().byteSize() - VECTOR;
    int rows = matrix.rows();
    while (rows > 0 && matrix.rowOffset(rows) * bytes > last) {
      rows--;
    }
    return rows;
  }

  /** One call's operands, weights of F16 or F32. */
  private record RowProduct(
      SparseMatrix matrix, SparseBuffers own, float[] out, int outAt, int count) {
    /** Multiplies rows, of which those from {@code end} on are close to the end of the memory. */
    void multiply(int from, int end, int to) {
      boolean half = matrix.dtype() == DType.F16;
      int distance = half ? (end - from) / ROWS : 0;
      MemorySegment values = matrix.values();
      for (int row = from; row < from + distance; row++) {
        for (int i = 0; i < ROWS; i++) {
          own.loadBits(matrix.bitmask(), matrix.columns(), row + i * distance, i);
        }
        long v0 = start(row);
        long v1 = start(row + distance);
        long v2 = start(row + 2 * distance);
        long v3 = start(row + 3 * distance);
        expandFour(values, v0, v1, v2, v3, own);
        for (int i = 0; i < ROWS; i++) {
          widen(own, i);
          sums(row + i * distance);
        }
      }
      for (int row = from + ROWS * distance; row < to; row++) {
        own.loadBits(matrix.bitmask(), matrix.columns(), row, 0);
        if (half) {
          expandOne(values, start(row), own);
          widen(own, 0);
        } else {
          expandFloats(values, start(row), own);
        }
        sums(row);
      }
    }

    private void sums(int row) {
      for (int t = 0; t < count; t++) {
        own.multiply(t);
        out[outAt + t * matrix.rows() + row] = Expansion.inOrder(own.chains, 0);
      }
    }

    private long start(int row) {
      return matrix.rowOffset(row) * matrix.dtype().bytes();
    }
  }

  /**
   * One call's operands, weights of BF16, multiplied block by block of columns. While a block is
   * multiplied, the next one's bits are on their way.
   */
  private record BlockProduct(
      SparseMatrix matrix, ColumnBlocks own, float[] out, int outAt, int count) {
    /** Multiplies as many rows as fours make up and returns the first that is left. */
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

    /** Multiplies each row alone, however close the end of the memory is. */
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

  /** Expands four rows of weights, whose values begin at these bytes. */
  private static void expandFour(
      MemorySegment values, long v0, long v1, long v2, long v3, SparseBuffers own) {
    int steps = own.steps;
    int[] bits = own.bits;
    short[] halves = own.halves;
    int row = steps * SparseBuffers.STEP;
    long p0 = v0;
    long p1 = v1;
    long p2 = v2;
    long p3 = v3;
    for (int j = 0; j < steps; j++) {
      int column = j * SparseBuffers.STEP;
      long m0 = bits[j] & BITS;
      Expansion.halves(values, p0, m0).intoArray(halves, column);
      p0 += (long) Long.bitCount(m0) << 1;
      long m1 = bits[steps + j] & BITS;
      Expansion.halves(values, p1, m1).intoArray(halves, row + column);
      p1 += (long) Long.bitCount(m1) << 1;
      long m2 = bits[2 * steps + j] & BITS;
      Expansion.halves(values, p2, m2).intoArray(halves, 2 * row + column);
      p2 += (long) Long.bitCount(m2) << 1;
      long m3 = bits[3 * steps + j] & BITS;
      Expansion.halves(values, p3, m3).intoArray(halves, 3 * row + column);
      p3 += (long) Long.bitCount(m3) << 1;
    }
  }

  /** Expands a row, reading not a byte beyond its values. */
  private static void expandOne(MemorySegment values, long from, SparseBuffers own) {
    long at = from;
    for (int j = 0; j < own.steps; j++) {
      long bits = own.bits[j] & BITS;
      VectorMask<Short> there =
          VectorMask.fromLong(Expansion.SHORTS, (1L << Long.bitCount(bits)) - 1);
      ShortVector.fromMemorySegment(Expansion.SHORTS, values, at, Expansion.ORDER, there)
          .expand(VectorMask.fromLong(Expansion.SHORTS, bits))
          .intoArray(own.halves, j * SparseBuffers.STEP);
      at += (long) Long.bitCount(bits) << 1;
    }
  }

  /** Expands a row of F32, reading not a byte beyond its values. */
  private static void expandFloats(MemorySegment values, long from, SparseBuffers own) {
    long at = from;
    for (int j = 0; j < 2 * own.steps; j++) {
      long bits = own.bits[j / 2] >>> j % 2 * HALF & (1 << HALF) - 1;
      Expansion.floats(values, at, bits).intoArray(own.panel, j * HALF);
      at += (long) Long.bitCount(bits) << 2;
    }
  }

  /**
   * Widens an expanded row. The JIT makes the processor's own instruction of this loop; to widen
   * and multiply in the same one would be more than it inlines.
   */
  private static void widen(SparseBuffers own, int place) {
    int count = own.steps * SparseBuffers.STEP;
    short[] halves = own.halves;
    float[] panel = own.panel;
    int from = place * count;
    for (int i = 0; i < count; i++) {
      panel[i] = Float.float16ToFloat(halves[from + i]);
    }
  }
}
