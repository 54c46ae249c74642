package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerInputs;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Blocks that are pruned, one at a time in memory. Where masks are a function of weights and norms
 * alone, each process prunes for itself, and makes the same ones; modules that were pruned by their
 * second moments are read from their files.
 */
final class PrunedBlocks implements AutoCloseable {
  private final Decoder decoder;
  private final List<LinearModule> chosen;
  private final Workers workers;
  private final ModulePruner pruner;

  /** Modules that are pruned already, or null. */
  private final ModuleFiles files;

  private Current current;

  PrunedBlocks(
      RunDescription run,
      PruningRules rules,
      List<LinearModule> chosen,
      Backend backend,
      Decoder decoder) {
    this.decoder = decoder;
    this.chosen = chosen;
    files = run.byMoments() ? new ModuleFiles(Path.of(run.output()), chosen) : null;
    workers = new Workers(backend.concurrency());
    pruner =
        new ModulePruner(
            backend,
            workers,
            rules,
            chosen,
            new MemoryShards(),
            MaskSink.NONE,
            new PhaseClock(workers.count()));
  }

  /**
   * Returns a pruned block, valid until the next one is asked for.
   *
   * @param norms of its linear modules' inputs
   */
  Block block(int index, Map<String, float[]> norms) {
    if (current == null || current.index != index) {
      closeCurrent();
      current = new Current(index, decoder.block(index));
      try {
        prune(norms);
      } catch (RuntimeException | Error e) {
        closeCurrent();
        throw e;
      }
    }
    return current.block;
  }

  private void prune(Map<String, float[]> norms) {
    List<ModuleRequest> requests =
        chosen.stream()
            .filter(module -> norms.containsKey(module.name()))
            .map(module -> current.request(module, norms.get(module.name())))
            .toList();
    if (files == null) {
      pruner.prune(requests, Progress.NONE);
    } else {
      requests.forEach(request -> files.readWeight(request.module(), request.held().bytes()));
    }
    requests.forEach(
        request ->
            current.block.replace(
                request.module().name(), request.module().view(request.held().bytes())));
  }

  /** The block that is open. */
  private static final class Current implements AutoCloseable {
    private final Arena weights = Arena.ofShared();
    private final int index;
    private final Block block;

    Current(int index, Block block) {
      this.index = index;
      this.block = block;
    }

    ModuleRequest request(LinearModule module, float[] norms) {
      return new ModuleRequest(
          module,
          new LayerInputs(norms, null, 0, Optional.empty()),
          HeldWeight.of(module, block, weights));
    }

    @Override
    public void close() {
      block.close();
      weights.close();
    }
  }

  private void closeCurrent() {
    if (current != null) {
      current.close();
      current = null;
    }
  }

  @Override
  public void close() {
    closeCurrent();
    pruner.close();
    workers.close();
  }
}
