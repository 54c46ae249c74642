package io.github.wandacuda.scalar;

/**
 * SparseGPT within a block of columns (Frantar and Alistarh, arXiv 2301.00774, algorithm 1), in
 * float32. Rows are independent. Every implementation gives the same bits, but for those of a NaN.
 *
 * <p>The score of a weight is {@code w * w / (u * u)}, each of the three operations rounded, where
 * u is the column's element of U's diagonal. Scores are compared by their <em>keys</em>, their bits
 * without the sign, which order them as their values do and a NaN last.
 *
 * <p>Columns are taken from left to right. A pruned weight w gives the change {@code -(w / u)}, a
 * kept one 0. Each column j to the right becomes {@code fma(change, U[column, j], w[j])}; then the
 * pruned weight becomes +0.0. Columns that are dead are pruned whatever their scores are.
 *
 * <p>Calls may come from several threads at once, for different arrays.
 */
public interface SparseGptKernels {
  /**
   * For speed, kernels work on so many rows at a time. Arrays of rows are long enough for a
   * multiple of them; the content behind the last row doesn't matter.
   */
  int ROWS = 32;

  /**
   * Computes keys.
   *
   * @param rows {@code count} rows of the block's weights
   * @param block the columns and their factor
   * @param keys takes {@code count * width} of them, dense, from {@code at} on
   */
  void keys(float[] rows, int count, ColumnBlock block, int[] keys, int at);

  /**
   * Prunes weights whose keys are, before any column is taken, at most a threshold.
   *
   * @param threshold the highest key that is pruned
   * @param rows {@code count} rows of the block's weights, changed in place
   * @param block the columns and their factor
   * @param changes takes as many rows of changes
   * @param kept takes {@link ColumnBlock#words} words for each row: a bit for each column, from the
   *     lowest on, 1 for kept; others are 0
   */
  void pruneAtMost(
      int threshold, float[] rows, int count, ColumnBlock block, float[] changes, long[] kept);

  /**
   * Prunes the lowest of each group, of equal ones the first columns. A group's are chosen when all
   * columns before the group have been taken.
   *
   * @param pruned how many weights of a group go
   * @param size columns of a group; the block's width is a multiple of it
   * @param rows as for {@link #pruneAtMost}, as are the other parameters
   */
  void pruneGroups(
      int pruned,
      int size,
      float[] rows,
      int count,
      ColumnBlock block,
      float[] changes,
      long[] kept);
}
