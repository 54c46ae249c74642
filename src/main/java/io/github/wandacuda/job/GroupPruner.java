package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.InputMoments;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.layerwise.Gram;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerInputs;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Sums the second moments of one input at a time, and prunes the modules that read it. */
final class GroupPruner implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final RunDescription run;
  private final List<LinearModule> chosen;
  private final Operations operations;
  private final Workers workers;
  private final ModulePruner pruner;
  private final ModuleFiles files;

  /** Where the masks of the modules at work go, by their places. */
  private final Map<Integer, MemorySegment> masks = new HashMap<>();

  GroupPruner(RunDescription run, PruningRules rules, List<LinearModule> chosen, Backend backend) {
    this.run = run;
    this.chosen = chosen;
    operations = backend.operations();
    files = new ModuleFiles(Path.of(run.output()), chosen);
    workers = new Workers(backend.concurrency());
    pruner =
        new ModulePruner(
            backend,
            workers,
            rules,
            chosen,
            new MemoryShards(),
            (place, mask) -> masks.get(place).copyFrom(mask),
            new PhaseClock(workers.count()));
  }

  /** Prunes the modules of a task into their files. */
  void prune(GroupTask task, ClusterNode node) {
    try (Arena arena = Arena.ofShared()) {
      List<ModuleRequest> requests = requests(task, node, arena);
      masks.clear();
      for (ModuleRequest request : requests) {
        LinearModule module = request.module();
        masks.put(files.place(module), arena.allocate(module.maskBytes(), ALIGNMENT));
      }
      List<ModuleResult> results =
          pruner.prune(requests, (what, done, total) -> run.requireWanted(node));
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
      for (InputSlice slice : task.inputs()) {
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
                      new HeldWeight(arena.allocate(module.tensor().bytes(), ALIGNMENT), false)))
          .toList();
    }
  }

  @Override
  public void close() {
    pruner.close();
    workers.close();
  }
}
