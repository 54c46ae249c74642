package io.github.wandacuda.job;

import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.io.checkpoint.TensorInfo;
import io.github.wandacuda.io.checkpoint.TensorNames;
import io.github.wandacuda.job.module.ModuleRequest;
import io.github.wandacuda.job.output.JournalWriter;
import io.github.wandacuda.job.output.ModulePruner;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.MaskDigest;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RunRecords;
import io.github.wandacuda.job.record.ShardMasks;
import io.github.wandacuda.job.shard.ModuleFiles;
import io.github.wandacuda.job.shard.OnCluster;
import io.github.wandacuda.job.shard.RunDescription;
import io.github.wandacuda.job.shard.ShardResult;
import io.github.wandacuda.job.shard.ShardTask;
import io.github.wandacuda.job.verify.Failures;
import io.github.wandacuda.job.verify.RecordCheck;
import io.github.wandacuda.job.verify.ShardVerifier;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.prune.MaskSink;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.layer.LayerInputs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
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
  private static final String UNUSED_SPILL = AtomicWrite.OWN + ".masks";

  private final RunScope scope;
  private final OnCluster on;
  private final OutputDirectory output;
  private final PruneTarget.Tools tools;
  private final Provenance plan;
  private final Map<String, LinearModule> byTensor;
  private final Map<String, ShardResult> results = new TreeMap<>();
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
    RunDescription run = description(scope.request().verify() || resumed);
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
    List<ModuleResult> modules = modules();
    String masks = digest();
    norms.remove();
    if (run.byMoments()) {
      scope.chosen().forEach(module -> output.remove(pruned.of(module)));
    }
    check(plan.with(modules, masks));
    return new OutputRun.Written(modules, masks);
  }

  private RunDescription description(boolean verify) {
    return new RunDescription(
        scope.model().path().toAbsolutePath().toString(),
        output.path().toAbsolutePath().toString(),
        scope.moments().map(file -> file.toAbsolutePath().toString()).orElse(null),
        scope.isCalibrated() && scope.rules().needMoments(),
        new String(plan.json(), StandardCharsets.UTF_8),
        verify,
        on.devices());
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
    Map<String, RunRecords.Tensor> records = output.interrupted().get().tensors();
    boolean all =
        shard.tensors().stream()
            .filter(this::counts)
            .allMatch(tensor -> isRecorded(tensor, records.get(tensor.name())));
    return all
        ? shard.tensors().stream()
            .filter(this::counts)
            .map(tensor -> ShardResult.Tensor.of(tensor.name(), records.get(tensor.name())))
            .toList()
        : List.of();
  }

  /** Returns whether there is anything to know of a tensor. */
  private boolean counts(TensorInfo tensor) {
    return tensor.bytes() > 0 || byTensor.containsKey(tensor.name());
  }

  private boolean isRecorded(TensorInfo tensor, RunRecords.Tensor record) {
    return record != null && record.module().isPresent() == byTensor.containsKey(tensor.name());
  }

  private void take(ShardResult result, JournalWriter journal, int shards) {
    if (result.check() != null && result.check().failure() != null) {
      throw VerificationException.ofOutput(output.path(), result.check().failure());
    }
    if (nodes.add(result.node())) {
      LOG.info("{}", result.node());
    }
    if (result.written()) {
      result
          .tensors()
          .forEach(tensor -> journal.append(tensor.record(byTensor.get(tensor.name()))));
    }
    results.put(result.shard(), result);
    addSeconds(result.seconds());
    tools.progress().step("shard", results.size(), shards);
  }

  /** Adds a machine's time up; the clock divides by the number of this process's workers. */
  private void addSeconds(ShardResult.Seconds seconds) {
    int workers = tools.workers().count();
    tools.clock().addSelect(nanos(seconds.select() * workers));
    tools.clock().addReadWrite(nanos(seconds.readWrite() * workers));
    tools.clock().addVerify(nanos(seconds.verify()));
  }

  private static long nanos(double seconds) {
    return Math.round(seconds * 1e9);
  }

  private List<ModuleResult> modules() {
    List<ModuleResult> modules = new ArrayList<>();
    Set<String> there = new HashSet<>();
    for (ShardResult result : results.values()) {
      for (ShardResult.Tensor tensor : result.tensors()) {
        LinearModule module = byTensor.get(tensor.name());
        if (module != null && there.add(module.name())) {
          modules.add(tensor.result(module, norms(module)));
        }
      }
    }
    modules.sort(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER));
    return modules;
  }

  /** Digests the masks that the machines have left in the output, in the order of all modules. */
  private String digest() {
    List<LinearModule> chosen = scope.chosen();
    long most = chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
    try (Arena arena = Arena.ofConfined();
        MaskDigest digest = new MaskDigest(chosen.size(), output.path().resolve(UNUSED_SPILL))) {
      MaskSink sink = digest.and(tools.masks());
      MemorySegment memory = arena.allocate(most);
      for (int index = 0; index < chosen.size(); index++) {
        LinearModule module = chosen.get(index);
        MemorySegment mask = memory.asSlice(0, module.maskBytes());
        List<LinearModule> ofShard = chosen(module.shard());
        ShardMasks.read(
            ShardMasks.file(output.path(), module.shard().path().getFileName().toString()),
            ofShard,
            ofShard.indexOf(module),
            mask);
        sink.add(index, mask);
      }
      return digest.hex();
    }
  }

  /** Checks the record against what the machines found, unless the run was to leave that out. */
  private void check(Provenance record) {
    if (results.values().stream().anyMatch(result -> result.check() == null)) {
      return;
    }
    List<ShardResult.Check> checks = results.values().stream().map(ShardResult::check).toList();
    ShardVerifier.Found found =
        new ShardVerifier.Found(
            record.maskSha256(),
            checks.stream().mapToLong(ShardResult.Check::pruned).sum(),
            checks.stream().mapToLong(ShardResult.Check::zeros).sum(),
            checks.stream()
                .flatMap(check -> check.prunedModules().stream())
                .collect(Collectors.toUnmodifiableSet()));
    Failures failures = new Failures();
    new RecordCheck(output.path().resolve(Provenance.FILE_NAME), record, failures)
        .compare(scope.chosen(), found);
    if (!failures.isEmpty()) {
      throw VerificationException.ofOutput(output.path(), failures.first());
    }
  }
}
