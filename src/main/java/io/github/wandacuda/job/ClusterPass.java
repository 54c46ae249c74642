package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerInputs;
import io.github.wandacuda.pruning.ModuleResult;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a cluster write a run's shards, keeps the journal of it, and puts together what the machines
 * found: this is the run's own process, which reads and writes no weight.
 */
final class ClusterPass {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterPass.class);

  private final RunScope scope;
  private final OnCluster on;
  private final OutputDirectory output;
  private final PruneTarget.Tools tools;
  private final Provenance plan;
  private final Map<String, LinearModule> byTensor;
  private final ShardResults results;
  private final Set<String> nodes = new HashSet<>();

  /** The norms that samples have given; empty for other runs. */
  private Map<String, float[]> calibrated = Map.of();

  ClusterPass(
      RunScope scope,
      OnCluster on,
      OutputDirectory output,
      PruneTarget.Tools tools,
      Provenance plan) {
    this.scope = scope;
    this.on = on;
    this.output = output;
    this.tools = tools;
    this.plan = plan;
    results = new ShardResults(scope, output.path(), tools);
    byTensor =
        scope.chosen().stream()
            .collect(Collectors.toMap(module -> module.tensor().name(), Function.identity()));
  }

  /**
   * Writes and checks all shards.
   *
   * @param fingerprint what an interrupted run has to agree with
   * @return the modules' results in the natural order of their names, and the masks' digest
   */
  OutputRun.Written run(Fingerprint fingerprint) {
    boolean resumed = output.interrupted().isPresent();
    if (!resumed) {
      output.journal().restart(RunRecords.run(fingerprint));
    }
    RunDescription run =
        RunDescription.of(
            scope.model(),
            output.path(),
            scope.moments(),
            scope.isCalibrated() && scope.rules().needMoments(),
            plan,
            scope.request().verify() || resumed,
            on.devices());
    ModuleFiles pruned = new ModuleFiles(output.path(), scope.chosen());
    if (run.byMoments()) {
      scope.chosen().forEach(module -> output.file(output.path().relativize(pruned.of(module))));
    }
    ClusterNorms norms = new ClusterNorms(scope, on, output, tools);
    calibrated = norms.of(run, fingerprint);
    ModulePruner.warnOfUnreached(
        scope.rules(), scope.chosen().stream().map(this::moduleRequest).toList());
    List<ShardTask> tasks = tasks(run);
    try (JournalWriter journal = new JournalWriter(output.journal())) {
      tools.progress().begin(0);
      on.cluster()
          .run(
              "prune %s to %s".formatted(scope.model().path(), output.path()),
              tasks,
              result -> take(result, journal, tasks.size()));
      journal.await();
    }
    List<ModuleResult> modules = results.modules(this::norms);
    String masks = results.digest();
    norms.remove();
    if (run.byMoments()) {
      scope.chosen().forEach(module -> output.remove(pruned.of(module)));
    }
    results.check(plan.with(modules, masks));
    return new OutputRun.Written(modules, masks);
  }

  /** Returns a module's norms, or null if there are none or none are needed. */
  private float[] norms(LinearModule module) {
    return calibrated.isEmpty() ? scope.norms(module) : calibrated.get(module.name());
  }

  private ModuleRequest moduleRequest(LinearModule module) {
    return new ModuleRequest(
        module, new LayerInputs(norms(module), null, 0, Optional.empty()), null);
  }

  private List<ShardTask> tasks(RunDescription run) {
    List<ShardTask> tasks = new ArrayList<>();
    for (SafetensorsFile shard : scope.model().checkpoint().shards()) {
      Path name = shard.path().getFileName();
      output.file(name);
      output.file(output.path().relativize(ShardMasks.file(output.path(), name.toString())));
      tasks.add(new ShardTask(run, name.toString(), norms(shard), earlier(shard)));
    }
    return tasks;
  }

  private Map<String, float[]> norms(SafetensorsFile shard) {
    Map<String, float[]> norms = new TreeMap<>();
    for (LinearModule module : chosen(shard)) {
      float[] own = norms(module);
      if (own != null) {
        norms.put(module.name(), own);
      }
    }
    return norms;
  }

  private List<LinearModule> chosen(SafetensorsFile shard) {
    return scope.chosen().stream().filter(module -> module.shard() == shard).toList();
  }

  /** Returns the journal's records of a shard, if an interrupted run has written all of it. */
  private List<ShardResult.Tensor> earlier(SafetensorsFile shard) {
    if (output.interrupted().isEmpty()) {
      return List.of();
    }
    return ShardResult.Tensor.all(shard, byTensor, output.interrupted().get().tensors())
        .orElse(List.of());
  }

  private void take(ShardResult result, JournalWriter journal, int shards) {
    results.take(result);
    if (nodes.add(result.node())) {
      LOG.info("{}", result.node());
    }
    if (result.written()) {
      result
          .tensors()
          .forEach(tensor -> journal.append(tensor.record(byTensor.get(tensor.name()))));
    }
    tools.progress().step("shard", results.size(), shards);
  }
}
