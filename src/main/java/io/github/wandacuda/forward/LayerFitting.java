package io.github.wandacuda.forward;

import java.util.OptionalInt;

/**
 * The work on whole layers that lie in a device's memory: their masks, and SparseGPT, are chosen
 * there too, with the bits that the CPU gives.
 *
 * <p>SparseGPT goes through blocks of columns. What the calls say {@code first} to is the first
 * column of a block in the whole layer. A block's own tensor has the factor's rows of the block,
 * each followed by what fills the stride, and a last row with 1 for a dead column and 0 for
 * another.
 */
public interface LayerFitting extends RowFitting {
  /**
   * Adds the distribution of magnitudes, as {@code Selector.countMagnitudes} does, but of numbers
   * that aren't finite too.
   *
   * @param x whole, not some rows of another tensor
   * @param upper the bin of upper bits to look into; empty to count these
   * @param counts are added to, in host memory
   */
  void countMagnitudes(Tensor x, OptionalInt upper, long[] counts);

  /**
   * Chooses a mask that keeps all magnitudes above a threshold.
   *
   * @param kept takes 1 for a kept weight and 0 for another
   */
  void keepAbove(Tensor x, float threshold, Tensor kept);

  /**
   * Chooses a mask that keeps the highest magnitudes of each group; of equal ones the last are
   * kept.
   *
   * @param pruned how many of a group go
   * @param size columns of a group
   * @param kept takes 1 for a kept weight and 0 for another
   */
  void keepHighest(Tensor x, int pruned, int size, Tensor kept);

  /**
   * Computes the scores of a block's weights, 0 for dead columns.
   *
   * @param w the whole layer
   * @param first the block's first column in it
   * @param block the block's tensor
   * @param out [rows, columns of the block]
   */
  void sparseGptScores(Tensor w, int first, Tensor block, Tensor out);

  /**
   * Prunes a block's columns one after the other, as {@code SparseGptKernels} says.
   *
   * @param w the whole layer, whose columns of the block are pruned
   * @param first the block's first column in it
   * @param block the block's tensor
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

  /**
   * Adds terms to the last columns of a layer.
   *
   * @param terms [rows, columns of w from {@code first} on]
   * @param first the first column that is added to
   */
  void addColumns(Tensor terms, Tensor w, int first);
}
