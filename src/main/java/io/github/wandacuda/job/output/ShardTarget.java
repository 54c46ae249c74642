package io.github.wandacuda.job.output;

import io.github.wandacuda.io.checkpoint.ShardWriter;
import io.github.wandacuda.job.module.ModuleTiles;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.TileSource;
import io.github.wandacuda.select.SelectionRule;
import java.util.function.Supplier;

/** Where pruned modules go. For several threads. */
public interface ShardTarget {
  /** Returns what writes the shard of a module. */
  ShardWriter of(LinearModule module);

  /** Returns the tiles that are to be pruned, which may look at what passes through. */
  default TileSource through(LinearModule module, ModuleTiles tiles) {
    return tiles;
  }

  /**
   * Returns the rule for a module.
   *
   * @param found finds it, from all of the module's weights if need be
   */
  default SelectionRule rule(LinearModule module, Supplier<SelectionRule> found) {
    return found.get();
  }

  /** Is told that a module is written whole. */
  void done(ModuleResult result);
}
