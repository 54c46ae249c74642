package io.github.wandacuda.scalar;

import java.util.Arrays;

/**
 * Consecutive columns that SparseGPT works on at once, and the factor that belongs to them. Rows of
 * the weights and of the factor are {@link #stride} elements apart in arrays; the first {@code
 * width} elements of each are the block's.
 *
 * @param width columns of the block, 1 or more
 * @param upper the block of the factor U on its diagonal, {@code width} rows; 0 below the diagonal
 * @param dead for each column whether all of its inputs were 0
 */
public record ColumnBlock(int width, float[] upper, boolean[] dead) {
  private static final int WHOLE = 16;

  /** Returns the elements from a row to the next: the width, rounded up to whole vectors. */
  public int stride() {
    return stride(width);
  }

  /** Returns the elements from a row to the next of a block of so many columns. */
  public static int stride(int width) {
    return Math.ceilDiv(width, WHOLE) * WHOLE;
  }

  /** Returns how many 64-bit words the bits of a row take. */
  public int words() {
    return Math.ceilDiv(width, Long.SIZE);
  }

  /** Returns the factor's rows, and behind them a row with 1 for each dead column, 0 for others. */
  public float[] withDead() {
    float[] all = Arrays.copyOf(upper, upper.length + stride());
    for (int column = 0; column < width; column++) {
      all[upper.length + column] = dead[column] ? 1 : 0;
    }
    return all;
  }

  /** Returns the factor's element on the diagonal in a column. */
  public float diagonal(int column) {
    return upper[column * stride() + column];
  }

  /** Returns the square of an element of the factor's diagonal, rounded to float32. */
  public float diagonalSquare(int column) {
    return diagonal(column) * diagonal(column);
  }
}
