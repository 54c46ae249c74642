package io.github.wandacuda.forward;

import java.util.OptionalInt;

/**
 * The work on whole layers that lie in a device's memory: their masks, and SparseGPT, are chosen
 * there too, with the bits that the CPU gives. A block of columns of SparseGPT, from {@code first}
 * on, is a tensor of its own: the factor's rows of the block, each followed by what fills the
 * stride, and a last row with 1 for a dead column and 0 for another.
 */
public interface LayerFitting extends RowFitting {
  /**
   * Adds to the distribution of magnitudes, as {@code Selector.countMagnitudes} does, but of
   * numbers that aren't finite too.
   *
   * @param x whole, not some rows of another tensor
   */
  void countMagnitudes(Tensor x, OptionalInt upper, long[] counts);

  /** Keeps all magnitudes above a threshold. */
  void keepAbove(Tensor x, float threshold, Tensor kept);

  /** Keeps all but the {@code pruned} lowest magnitudes of each group, of equal ones the last. */
  void keepHighest(Tensor x, int pruned, int size, Tensor kept);

  /** Computes the scores of a block's weights, 0 for dead columns: {@code out} has its columns. */
  void sparseGptScores(Tensor w, int first, Tensor block, Tensor out);

  /**
   * Prunes a block's columns one after the other, as {@code SparseGptKernels} says.
   *
   * @param threshold the bits of the score up to which weights go; less than 0 for groups
   * @param pruned weights of a group that go; 0 without groups
   * @param size columns of a group; without groups the block's
   * @param changes [rows, columns of the block], what the columns to the right are to make up for
   * @param kept takes the block's columns of the mask
   */
  void sparseGpt(
      Tensor w,
      int first,
      Tensor block,
      int threshold,
      int pruned,
      int size,
      Tensor changes,
      Tensor kept);

  /** Adds terms to the columns from {@code first} on. */
  void addColumns(Tensor terms, Tensor w, int first);
}
