package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.select.SelectionRule;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/** Where pruned modules are written. Safe for use by several threads. */
public interface ModuleSink {
  /** No shards: what modules become stays in the memory that their requests bring. */
  ModuleSink MEMORY = to(null);

  /**
   * Returns one shard that all modules are written to, of which nobody is told.
   *
   * @param writer null to write nothing
   */
  static ModuleSink to(ShardWriter writer) {
    return new ModuleSink() {
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

  /**
   * Returns a module's tiles, which are read from its shard and written where {@link #of} says.
   *
   * @param buffers the workers'; they may be enlarged here, so no worker may use them meanwhile
   * @param clock takes the time of reading and writing
   */
  default ModuleTiles tiles(LinearModule module, TileBuffers buffers, PhaseClock clock) {
    return new ModuleTiles(module, module.shard(), of(module), buffers, clock);
  }

  /**
   * Returns the rule for a module, which may be known from an earlier run.
   *
   * @param found computes it, from all of the module's weights if necessary
   */
  default SelectionRule rule(LinearModule module, Supplier<SelectionRule> found) {
    return found.get();
  }

  /**
   * Called when a module is written completely.
   *
   * @param result what became of it
   */
  default void done(ModuleResult result) {}

  /**
   * Called instead of {@link #done} when a module is pruned in memory, for the shards to write it.
   *
   * @param result what became of it
   * @param weight laid out as in its file. Its owner has promised for how long it stays as it is
   */
  default void lend(ModuleResult result, MemorySegment weight) {
    throw new UnsupportedOperationException("weights in memory");
  }
}
