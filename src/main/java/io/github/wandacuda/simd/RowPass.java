package io.github.wandacuda.simd;

import java.lang.foreign.MemorySegment;

/**
 * A loop over a row. All are run from one place, {@link #runAll}, so that C2 compiles each by
 * itself. It would otherwise inline some into one method, and give up inlining their vector
 * operations half-way, in some runs and not in others; what it leaves out works on vectors as
 * objects, 60 times slower (C2 of 25.0.3, "NodeCountInliningCutoff"; rows of equal scores took 1.5
 * or 4.4 µs, by chance).
 */
@FunctionalInterface
public interface RowPass {
  /**
   * Runs.
   *
   * @param kept which of its columns are kept, one bit each
   */
  void run(MemorySegment memory, long at, long[] kept);

  /** Runs loops one after the other. */
  static void runAll(RowPass[] passes, MemorySegment memory, long at, long[] kept) {
    for (RowPass pass : passes) {
      pass.run(memory, at, kept);
    }
  }
}
