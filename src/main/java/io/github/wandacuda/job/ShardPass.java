package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.SharedFile;
import io.github.wandacuda.job.OutputCheck.Found;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import java.io.IOException;
import java.io.Serializable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;

/** Shards that are written one by one, by whatever process, and their results, put together. */
final class ShardPass {
  private static final String UNUSED_SPILL = AtomicWrite.OWN + ".masks";

  private final RunScope scope;
  private final Path output;
  private final PruneTarget.Tools tools;
  private final Function<LinearModule, float[]> norms;
  private final Map<String, ShardResult> results = new TreeMap<>();

  /** Begins with no shards; {@code norms} returns null if there are none or none are needed. */
  ShardPass(
      RunScope scope, Path output, PruneTarget.Tools tools, Function<LinearModule, float[]> norms) {
    this.scope = scope;
    this.output = output;
    this.tools = tools;
    this.norms = norms;
  }

  /**
   * Has shards written and checked, each as a task of a cluster, unless {@code earlier} tells of
   * one that was written whole.
   */
  void run(
      Cluster cluster,
      String what,
      RunDescription run,
      List<SafetensorsFile> shards,
      Function<SafetensorsFile, List<RunRecords.Tensor>> earlier,
      Consumer<ShardResult> record) {
    ModulePruner.warnOfUnreached(
        scope.rules(),
        shards.stream()
            .flatMap(shard -> scope.modules(shard).stream())
            .map(module -> ModuleRequest.of(module, norms.apply(module)))
            .toList());
    List<ShardTask> tasks =
        shards.stream()
            .map(shard -> new ShardTask(run, name(shard), norms(shard), earlier.apply(shard)))
            .toList();
    tools.progress().begin(0);
    cluster.run(
        what,
        tasks,
        result -> {
          take(result);
          record.accept(result);
          tools.progress().step("shard", results.size(), tasks.size());
        });
  }

  /** Returns a shard's file name, by which processes and records know it. */
  static String name(SafetensorsFile shard) {
    return shard.path().getFileName().toString();
  }

  private Map<String, float[]> norms(SafetensorsFile shard) {
    Map<String, float[]> own = new TreeMap<>();
    for (LinearModule module : scope.modules(shard)) {
      float[] known = norms.apply(module);
      if (known != null) {
        own.put(module.name(), known);
      }
    }
    return own;
  }

  /** Takes a shard's result, and adds its time up. */
  void take(ShardResult result) {
    if (result.check() != null && result.check().failure() != null) {
      throw VerificationException.ofOutput(output, result.check().failure());
    }
    results.put(result.shard(), result);
    addSeconds(result.seconds());
  }

  /** Adds a machine's time up; the clock divides by the number of this process's workers. */
  private void addSeconds(PhaseClock.Seconds seconds) {
    int workers = tools.workers().count();
    tools.clock().addSelect(nanos(seconds.select() * workers));
    tools.clock().addReadWrite(nanos(seconds.readWrite() * workers));
    tools.clock().addVerify(nanos(seconds.verify()));
  }

  private static long nanos(double seconds) {
    return Math.round(seconds * 1e9);
  }

  /** Returns the results of the shards' modules, in the natural order of their names. */
  List<ModuleResult> modules() {
    Map<String, RunRecords.Tensor> tensors = new HashMap<>();
    results.values().stream()
        .flatMap(result -> result.tensors().stream())
        .forEach(tensor -> tensors.putIfAbsent(tensor.name(), tensor));
    return scope.chosen().stream()
        .filter(module -> tensors.containsKey(module.tensor().name()))
        .map(
            module ->
                tensors.get(module.tensor().name()).module().result(module, norms.apply(module)))
        .sorted(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER))
        .toList();
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
        List<LinearModule> ofShard = scope.modules(module.shard());
        ShardMasks.read(
            ShardMasks.file(output, name(module.shard())), ofShard, ofShard.indexOf(module), mask);
        sink.add(index, mask);
      }
      return digest.hex();
    }
  }

  /**
   * Checks the record against what was found in the written shards, unless one wasn't checked since
   * the run was to leave that out.
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

  /**
   * What became of a shard; small enough to travel.
   *
   * @param written whether it was written, or an earlier run's was kept
   * @param check what the check found, or null without one
   */
  record ShardResult(
      String shard,
      String node,
      List<RunRecords.Tensor> tensors,
      boolean written,
      Check check,
      PhaseClock.Seconds seconds)
      implements Serializable {
    /** Takes a list that travels. */
    public ShardResult {
      tensors = List.copyOf(tensors);
    }

    /**
     * What a check found in the written file: the first thing that is wrong, or null and what is
     * there.
     */
    public record Check(String failure, OutputCheck.Found found) implements Serializable {}
  }

  /**
   * The packed masks of a shard's modules in a file of an unfinished output, one after the other.
   * The processes of a cluster write them, and the run digests them in the order of all modules: so
   * masks, which are a sixteenth of a model, go by the disk that all share and through nobody's
   * memory. Safe for use by several threads.
   */
  record ShardMasks(List<LinearModule> modules, SharedFile file)
      implements MaskSink, AutoCloseable {
    /** Begins a file, which has a temporary name until it is {@link #publish published}. */
    public static ShardMasks create(Path temporary, List<LinearModule> modules) {
      return new ShardMasks(modules, SharedFile.create(temporary));
    }

    public static Path file(Path output, String shard) {
      return AtomicWrite.temporary(output.resolve(shard + ".masks"));
    }

    @Override
    public void add(int index, MemorySegment mask) {
      file.write(offset(modules, index), mask);
    }

    /** Gives the file, with all masks in it, its name. */
    public void publish(Path name) {
      file.force();
      file.publish(name);
    }

    /** Removes the file, unless it was published. */
    @Override
    public void close() {
      file.close();
    }

    /**
     * Reads a module's mask; the modules are the shard's, as they were when the file was written.
     */
    public static void read(Path file, List<LinearModule> modules, int index, MemorySegment into) {
      try (SharedFile masks = SharedFile.open(file)) {
        masks.read(offset(modules, index), into);
      }
    }

    /**
     * Returns whether a file has the size of the modules' masks, as it has after a power failure
     * only if they had reached the device.
     */
    public static boolean isWhole(Path file, List<LinearModule> modules) {
      try {
        return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
            && Files.size(file) == offset(modules, modules.size());
      } catch (IOException e) {
        throw OutputException.unwritable(file, e);
      }
    }

    private static long offset(List<LinearModule> modules, int index) {
      return modules.subList(0, index).stream().mapToLong(LinearModule::maskBytes).sum();
    }
  }
}
