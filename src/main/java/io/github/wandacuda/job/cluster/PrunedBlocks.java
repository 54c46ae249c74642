package io.github.wandacuda.job.cluster;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.InputMoments;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.KeptOpen;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.job.output.ModuleFiles;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.ModuleSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Blocks that are pruned, one at a time in memory. If masks follow from weights and norms alone,
 * each process prunes for itself and finds the same masks. Modules that are pruned by second
 * moments are read from their files; a process prunes those that it is given into such files, after
 * it has summed the second moments of their input.
 */
final class PrunedBlocks implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final RunDescription run;
  private final Operations operations;
  private final Decoder decoder;
  private final List<LinearModule> chosen;
  private final Workers workers;
  private final ModulePruner pruner;

  /** The files of modules that are pruned by second moments, or null. */
  private final ModuleFiles files;

  /** Memory for the masks of modules that are being pruned, by the modules' indices. */
  private final Map<Integer, MemorySegment> masks = new HashMap<>();

  private final KeptOpen current = new KeptOpen();

  PrunedBlocks(
      RunDescription run,
      PruningRules rules,
      List<LinearModule> chosen,
      Backend backend,
      Decoder decoder) {
    this.run = run;
    this.decoder = decoder;
    operations = backend.operations();
    this.chosen = chosen;
    files = run.byMoments() ? new ModuleFiles(Path.of(run.output()), chosen) : null;
    workers = new Workers(backend.concurrency());
    pruner =
        new ModulePruner(
            backend,
            workers,
            rules,
            chosen,
            ModuleSink.MEMORY,
            files == null ? MaskSink.NONE : (place, mask) -> masks.get(place).copyFrom(mask),
            new PhaseClock(workers.count()));
  }

  /**
   * Returns a pruned block, valid until the next one is asked for.
   *
   * @param index the block's number
   * @param norms of its modules, by their full names
   */
  Block block(int index, Map<String, float[]> norms) {
    return current.get(index, () -> pruned(decoder.block(index), norms)).block();
  }

  @SuppressWarnings("MustBeClosedChecker") // Closed with the block.
  private Current pruned(Block block, Map<String, float[]> norms) {
    Current pruned = new Current(block, Arena.ofShared());
    return OnFailure.close(
        pruned::close,
        () -> {
          prune(pruned, norms);
          return pruned;
        });
  }

  private void prune(Current current, Map<String, float[]> norms) {
    Block block = current.block();
    List<ModuleRequest> requests =
        chosen.stream()
            .filter(module -> norms.containsKey(module.name()))
            .map(
                module ->
                    ModuleRequest.of(
                        module,
                        norms.get(module.name()),
                        ModuleRequest.HeldWeight.of(module, block, current.weights())))
            .toList();
    if (files == null) {
      pruner.prune(requests, Progress.NONE);
    } else {
      requests.forEach(request -> files.readWeight(request.module(), request.held().bytes()));
    }
    requests.forEach(request -> request.keepIn(block));
  }

  void prune(GroupTask task, ClusterNode node) {
    try (Arena arena = Arena.ofShared()) {
      List<ModuleRequest> requests = requests(task, node, arena);
      masks.clear();
      for (ModuleRequest request : requests) {
        LinearModule module = request.module();
        masks.put(files.place(module), arena.allocate(module.maskBytes(), ALIGNMENT));
      }
      List<ModuleResult> results =
          pruner.prune(requests, (what, done, total, share) -> run.requireWanted(node));
      for (int index = 0; index < results.size(); index++) {
        ModuleResult result = results.get(index);
        run.requireWanted(node);
        files.write(
            result,
            masks.get(files.place(result.module())),
            requests.get(index).held().bytes(),
            run.temporary());
      }
    }
  }

  private List<ModuleRequest> requests(GroupTask task, ClusterNode node, Arena arena) {
    List<LinearModule> modules =
        chosen.stream().filter(module -> task.modules().contains(module.name())).toList();
    try (InputMoments moments = new InputMoments(operations)) {
      for (BatchInputs.InputSlice slice : task.inputs()) {
        run.requireWanted(node);
        Path file = BatchInputs.file(Path.of(run.output()), task.block(), slice.batch());
        BatchInputs.addTo(moments, operations, file, slice);
      }
      Map<String, Integer> features = new HashMap<>();
      task.inputs().stream()
          .limit(1)
          .forEach(slice -> slice.modules().forEach(name -> features.put(name, slice.columns())));
      modules.forEach(module -> features.put(module.name(), module.columns()));
      Map<String, Gram> grams = moments.grams(features, task.samples(), arena);
      Map<String, Long> tokens = moments.tokens();
      return modules.stream()
          .map(
              module ->
                  new ModuleRequest(
                      module,
                      new LayerInputs(
                          task.norms().get(module.name()),
                          grams.get(module.name()),
                          tokens.getOrDefault(module.name(), 0L),
                          Optional.empty()),
                      new ModuleRequest.HeldWeight(
                          arena.allocate(module.tensor().bytes(), ALIGNMENT), false)))
          .toList();
    }
  }

  /**
   * The open block, and the memory of those of its pruned weights that aren't in the block's own.
   */
  private record Current(Block block, Arena weights) implements AutoCloseable {
    @Override
    public void close() {
      block.close();
      weights.close();
    }
  }

  @Override
  public void close() {
    current.close();
    pruner.close();
    workers.close();
  }

  /**
   * The modules that read one input of a block. Its second moments are summed over all batches, and
   * the modules are pruned by them into {@link ModuleFiles}. So no second moments travel.
   *
   * @param run the samples' run
   * @param block the block's number
   * @param modules by their full names
   * @param norms of these modules
   * @param inputs where each batch's input is, in the batches' order; none if no token reached the
   *     modules
   * @param samples how many samples all batches have
   */
  record GroupTask(
      CalibrationStep.CalibrationRun run,
      int block,
      List<String> modules,
      Map<String, float[]> norms,
      List<BatchInputs.InputSlice> inputs,
      int samples)
      implements ClusterTask<String> {
    /** Takes collections that travel. */
    GroupTask {
      modules = List.copyOf(modules);
      norms = new TreeMap<>(norms);
      inputs = List.copyOf(inputs);
    }

    int columns() {
      return inputs.isEmpty() ? 0 : inputs.get(0).columns();
    }

    /**
     * Prunes the modules.
     *
     * @return the process and the device, for people
     */
    @Override
    public String run(ClusterNode node) {
      return node.open().get(run, () -> CalibrationStep.Worker.open(run, node)).prune(this, node);
    }
  }
}
