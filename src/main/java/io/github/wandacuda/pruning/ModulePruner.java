package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.NonFiniteWeightException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.parallel.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Prunes modules out of the mapped source into the output's shards. */
final class ModulePruner implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ModulePruner.class);

  private final TileBuffers buffers;
  private final PhaseClock clock;
  private final MatrixPruner pruner;
  private final OutputShards shards;
  private final MaskDigest masks;
  private final Map<String, Integer> places = new HashMap<>();

  /**
   * Creates the pruner of a run.
   *
   * @param order the chosen modules in the order of the digest
   */
  ModulePruner(
      Backend backend,
      Workers workers,
      PruningRules rules,
      List<LinearModule> order,
      OutputShards shards,
      MaskDigest masks,
      PhaseClock clock) {
    buffers = new TileBuffers(TileMemory.of(backend));
    this.clock = clock;
    this.shards = shards;
    this.masks = masks;
    order.forEach(module -> places.put(module.name(), places.size()));
    pruner = new MatrixPruner(backend.selector(), workers, rules, clock);
  }

  /**
   * Prunes a module and writes it.
   *
   * @param norms the norm of each input column, or null to score by magnitude
   * @param memory room for the whole pruned weight if it is to be kept, or null
   */
  ModuleResult prune(LinearModule module, float[] norms, MemorySegment memory) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment mask = arena.allocate(module.maskBytes());
      ModuleTiles tiles =
          new ModuleTiles(module, module.shard(), shards.of(module), memory, buffers, clock);
      float[] scale = isReached(module, norms) ? norms : null;
      MatrixPruner.Counts counts = pruner.prune(tiles, scale, mask);
      masks.add(places.get(module.name()), mask);
      return new ModuleResult(module, counts.pruned(), counts.zeros(), norms);
    } catch (NonFiniteWeightException e) {
      throw module.problem(
          "expected finite weights, found %s at row %d, column %d"
              .formatted(e.value(), e.row(), e.column()));
    }
  }

  @Override
  public void close() {
    buffers.close();
  }

  /**
   * A module that no sample reached has norms of zero, which would prune its first columns; it goes
   * by magnitude.
   */
  private static boolean isReached(LinearModule module, float[] norms) {
    if (norms == null) {
      return false;
    }
    for (float norm : norms) {
      if (norm != 0) {
        return true;
      }
    }
    LOG.warn("{}: all norms are zero, no sample reached it; pruned by magnitude", module.name());
    return false;
  }
}
