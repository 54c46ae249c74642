package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.select.SelectionRule;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/** The shards that pruned modules are written to. Safe for use by several threads. */
interface ShardTarget {
  /** Returns the writer of a module's shard. */
  ShardWriter of(LinearModule module);

  /** Returns a module's tiles, perhaps wrapped to check what is written. */
  default TileSource through(LinearModule module, ModuleTiles tiles) {
    return tiles;
  }

  /**
   * Returns the rule for a module.
   *
   * @param found computes it, from all of the module's weights if necessary
   */
  default SelectionRule rule(LinearModule module, Supplier<SelectionRule> found) {
    return found.get();
  }

  /** Called when a module is written completely. */
  void done(ModuleResult result);

  /**
   * Called instead of {@link #done} when a module is pruned in memory, for the shards to write it.
   *
   * @param weight laid out as in its file, in memory that somebody else owns and that stays as it
   *     is for as long as that one has promised to
   */
  default void lend(ModuleResult result, MemorySegment weight) {
    throw new UnsupportedOperationException("weights in memory");
  }
}
