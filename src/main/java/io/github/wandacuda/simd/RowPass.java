package io.github.wandacuda.simd;

import java.lang.foreign.MemorySegment;

/**
 * A loop over a row. All loops are run from one place, {@link #runAll}, so that C2 compiles each by
 * itself. Otherwise it would inline some into one method and give up half-way inlining their vector
 * operations, in some runs and not in others. Operations that aren't inlined work on vectors as
 * objects, 60 times slower (C2 of 25.0.3, "NodeCountInliningCutoff"; rows of equal scores took 1.5
 * or 4.4 µs, by chance).
 */
@FunctionalInterface
public interface RowPass {
  /**
   * Runs the loop.
   *
   * @param memory holds the row
   * @param at where the row begins, in bytes
   * @param kept one bit for each column, 1 if it is kept
   */
  void run(MemorySegment memory, long at, long[] kept);

  /** Runs loops in their order. */
  static void runAll(RowPass[] passes, MemorySegment memory, long at, long[] kept) {
    for (RowPass pass : passes) {
      pass.run(memory, at, kept);
    }
  }
}
