package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.OutputCheck.Found;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What became of shards that were written one by one, by whatever process, put together. */
final class ShardResults {
  private static final String UNUSED_SPILL = AtomicWrite.OWN + ".masks";

  private final RunScope scope;
  private final Path output;
  private final PruneTarget.Tools tools;
  private final Map<String, ShardResult> results = new TreeMap<>();

  ShardResults(RunScope scope, Path output, PruneTarget.Tools tools) {
    this.scope = scope;
    this.output = output;
    this.tools = tools;
  }

  /**
   * Takes a shard's result, and adds its time up.
   *
   * @throws VerificationException if the shard isn't what it should be
   */
  void take(ShardResult result) {
    if (result.check() != null && result.check().failure() != null) {
      throw VerificationException.ofOutput(output, result.check().failure());
    }
    results.put(result.shard(), result);
    addSeconds(result.seconds());
  }

  int size() {
    return results.size();
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

  /**
   * Returns the results of the shards' modules, in the natural order of their names.
   *
   * @param norms returns a module's norms, or null
   */
  List<ModuleResult> modules(Function<LinearModule, float[]> norms) {
    Map<String, LinearModule> byTensor =
        scope.chosen().stream()
            .collect(Collectors.toMap(module -> module.tensor().name(), Function.identity()));
    List<ModuleResult> modules = new ArrayList<>();
    Set<String> there = new HashSet<>();
    for (ShardResult result : results.values()) {
      for (ShardResult.Tensor tensor : result.tensors()) {
        LinearModule module = byTensor.get(tensor.name());
        if (module != null && there.add(module.name())) {
          modules.add(tensor.result(module, norms.apply(module)));
        }
      }
    }
    modules.sort(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER));
    return modules;
  }

  /** Digests the masks that were left in the output, in the order of all modules. */
  String digest() {
    List<LinearModule> chosen = scope.chosen();
    long most = chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
    try (Arena arena = Arena.ofConfined();
        MaskDigest digest = new MaskDigest(chosen.size(), output.resolve(UNUSED_SPILL))) {
      MaskSink sink = digest.and(tools.masks());
      MemorySegment memory = arena.allocate(most);
      for (int index = 0; index < chosen.size(); index++) {
        LinearModule module = chosen.get(index);
        MemorySegment mask = memory.asSlice(0, module.maskBytes());
        List<LinearModule> ofShard =
            chosen.stream().filter(other -> other.shard() == module.shard()).toList();
        ShardMasks.read(
            ShardMasks.file(output, module.shard().path().getFileName().toString()),
            ofShard,
            ofShard.indexOf(module),
            mask);
        sink.add(index, mask);
      }
      return digest.hex();
    }
  }

  /**
   * Checks the record against what was found in the written shards, unless one wasn't checked since
   * the run was to leave that out.
   *
   * @throws VerificationException if they contradict each other
   */
  void check(Provenance record) {
    Collection<ShardResult> all = results.values();
    if (all.stream().anyMatch(result -> result.check() == null)) {
      return;
    }
    Found found =
        all.stream().map(result -> result.check().found()).reduce(Found.NOTHING, Found::plus);
    Failures failures = new Failures();
    new RecordCheck(output.resolve(Provenance.FILE_NAME), record, failures)
        .compare(scope.chosen(), record.maskSha256(), found);
    failures.require(output);
  }
}
