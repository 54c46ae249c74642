package io.github.wandacuda.job;

import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.LinearModule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The memory in which a module's weight is pruned as a whole, since it is needed afterwards.
 *
 * @param bytes the weight, laid out as in its file
 * @param filled whether they are there already, so that the file isn't read
 */
record HeldWeight(MemorySegment bytes, boolean filled) {
  private static final long ALIGNMENT = 64;

  /**
   * Returns a block's own memory, or new memory if the block's weight is elsewhere.
   *
   * @param arena owns new memory
   */
  public static HeldWeight of(LinearModule module, Block block, Arena arena) {
    return block
        .bytes(module.name())
        .map(bytes -> new HeldWeight(bytes, true))
        .orElseGet(() -> new HeldWeight(arena.allocate(module.tensor().bytes(), ALIGNMENT), false));
  }
}
