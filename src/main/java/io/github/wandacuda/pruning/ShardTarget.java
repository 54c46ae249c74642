package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.select.SelectionRule;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/** The shards that pruned modules are written to. Safe for use by several threads. */
public interface ShardTarget {
  /** No shards: what modules become stays in the memory that their requests bring. */
  ShardTarget MEMORY = to(null);

  /** Returns one shard that is written, of which nobody is told; or none, without a writer. */
  static ShardTarget to(ShardWriter writer) {
    return new ShardTarget() {
      @Override
      public ShardWriter of(LinearModule module) {
        return writer;
      }

      @Override
      public void lend(ModuleResult result, MemorySegment weight) {}
    };
  }

  /** Returns the writer of a module's shard, or null if none is written. */
  ShardWriter of(LinearModule module);

  /** Returns a module's tiles, which are read from its shard and written where {@link #of} says. */
  default ModuleTiles tiles(LinearModule module, TileBuffers buffers, PhaseClock clock) {
    return new ModuleTiles(module, module.shard(), of(module), buffers, clock);
  }

  /** Returns the rule for a module, which may be found from all of its weights. */
  default SelectionRule rule(LinearModule module, Supplier<SelectionRule> found) {
    return found.get();
  }

  /** Called when a module is written completely. */
  default void done(ModuleResult result) {}

  /**
   * Called instead of {@link #done} when a module is pruned in memory, for the shards to write it.
   *
   * @param weight laid out as in its file, in memory of another owner that stays as it is for as
   *     long as that one has promised to
   */
  default void lend(ModuleResult result, MemorySegment weight) {
    throw new UnsupportedOperationException("weights in memory");
  }
}
