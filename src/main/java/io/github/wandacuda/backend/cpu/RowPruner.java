package io.github.wandacuda.backend.cpu;

/** Prunes rows of one matrix, one after the other; see {@link SelectKernels} for their form. */
public interface RowPruner {
  /** What {@link #prune} returns for a row that holds a NaN or an infinity. */
  int NON_FINITE = -1;

  /**
   * Replaces the elements that the rule picks by +0.0.
   *
   * @param words the row
   * @param kept where one bit a column goes, 0 = pruned, and zeros past the last column
   * @return the number of elements picked, or {@link #NON_FINITE} with the row left as it was
   */
  int prune(int[] words, long[] kept);
}
