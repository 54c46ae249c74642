package io.github.wandacuda.scalar;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.QuantizedMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Prunes rows of one matrix, one after the other; see {@link CpuSelectKernels} for their form. */
public abstract class RowPruner {
  /** What {@link #prune} returns for a row that holds a NaN or an infinity. */
  public static final int NON_FINITE = -1;

  /** The zeros, of either sign, of the row pruned last. */
  protected int zeros;

  /** Room for a row of codes that are widened. */
  private MemorySegment widened;

  /**
   * Replaces the elements of a row that the rule picks by +0.0.
   *
   * @param at where the row starts in it, in bytes
   * @param kept where one bit a column goes, 0 = pruned, and zeros past the last column
   * @return the number of elements picked, or {@link #NON_FINITE} with, at least, the elements that
   *     aren't finite left as they were
   */
  public abstract int prune(MemorySegment memory, long at, long[] kept);

  /**
   * Picks elements of a row of codes, which stays as it is, by a rule for F32; else as {@link
   * #prune(MemorySegment, long, long[])}.
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

  /** Returns whether rows are passed over just once, so that loading them before gains nothing. */
  public boolean passesOnce() {
    return false;
  }

  /** Returns the number of zeros, of either sign, that the row pruned last has now. */
  public final int zeros() {
    return zeros;
  }
}
