package io.github.wandacuda.backend.cpu.vector;

import java.lang.foreign.MemorySegment;

/**
 * A loop over a row. Where a pruner runs three or more of them from one place, C2 compiles each by
 * itself. It would otherwise inline them into one method, of which it then gives up inlining the
 * vector operations half-way; what it leaves out works on vectors as objects, 60 times slower (C2
 * of 25.0.3).
 */
@FunctionalInterface
interface RowPass {
  /**
   * Runs.
   *
   * @param memory holds the row
   * @param at where it starts, in bytes
   * @param kept which of its columns stay, one bit each
   */
  void run(MemorySegment memory, long at, long[] kept);
}
