package io.github.wandacuda.scalar;

import java.lang.foreign.MemorySegment;

/** Prunes rows of one matrix, one after the other; see {@link CpuSelectKernels} for their form. */
public abstract class RowPruner {
  /** What {@link #prune} returns for a row that holds a NaN or an infinity. */
  public static final int NON_FINITE = -1;

  /** The zeros, of either sign, of the row pruned last. */
  protected int zeros;

  /**
   * Replaces the elements of a row that the rule picks by +0.0.
   *
   * @param at where the row starts in it, in bytes
   * @param kept where one bit a column goes, 0 = pruned, and zeros past the last column
   * @return the number of elements picked, or {@link #NON_FINITE} with, at least, the elements that
   *     aren't finite left as they were
   */
  public abstract int prune(MemorySegment memory, long at, long[] kept);

  /** Returns whether rows are passed over just once, so that loading them before gains nothing. */
  public boolean passesOnce() {
    return false;
  }

  /** Returns the number of zeros, of either sign, that the row pruned last has now. */
  public final int zeros() {
    return zeros;
  }
}
