package io.github.wandacuda.job.output;

import io.github.wandacuda.io.checkpoint.ShardWriter;
import io.github.wandacuda.job.module.ModuleTiles;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.TileSource;
import io.github.wandacuda.select.SelectionRule;
import java.util.function.Supplier;

/** The shards that pruned modules are written to. Safe for use by several threads. */
public interface ShardTarget {
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
}
