package io.github.wandacuda.scalar;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.QuantizedMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Prunes rows of one matrix, one after the other; see {@link CpuSelectKernels} for their form. */
public abstract class RowPruner {
  /** What {@link #prune} returns for a row that holds a NaN or an infinity. */
  public static final int NON_FINITE = -1;

  /** How many zeros of either sign the row pruned last has. */
  protected int zeros;

  /** Memory for a row of codes that are widened. */
  private MemorySegment widened;

  /**
   * Replaces the elements of a row that the rule picks by +0.0.
   *
   * @param memory holds the row, with the padding behind it that {@link CpuSelectKernels} states
   * @param at where the row begins in it, in bytes
   * @param kept receives one bit for each column, 0 if it is pruned, and zeros behind the last
   *     column
   * @return the number of elements picked, or {@link #NON_FINITE}; then the elements that aren't
   *     finite, at least, are as they were
   */
  public abstract int prune(MemorySegment memory, long at, long[] kept);

  /**
   * Picks elements of a row of codes by a rule for F32. The codes themselves stay as they are.
   *
   * @param codes the matrix
   * @param row the number of the row
   * @param kept receives one bit for each column, 0 if it is picked
   * @return the number of elements picked, or {@link #NON_FINITE}
   */
  public int prune(QuantizedMatrix codes, int row, long[] kept) {
    float[] values = new float[codes.columns()];
    codes.read(row, 0, values.length, values, 0);
    if (widened == null) {
      long bytes = (long) CpuSelectKernels.padded(values.length) * Float.BYTES;
      widened = Arena.ofAuto().allocate(bytes, Long.SIZE);
    }
    MemorySegment.copy(values, 0, widened, FLOAT, 0, values.length);
    return prune(widened, 0, kept);
  }

  /**
   * Returns whether rows are passed over just once, so that it brings nothing to load them into the
   * cache before.
   */
  public boolean passesOnce() {
    return false;
  }

  /** Returns the number of zeros, of either sign, that the row pruned last has now. */
  public final int zeros() {
    return zeros;
  }
}
