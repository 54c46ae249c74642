package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.SharedFile;
import io.github.wandacuda.job.cluster.RunDescription;
import io.github.wandacuda.job.output.CopyTask;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.job.output.MaskDigest.ModuleDigests;
import io.github.wandacuda.job.output.ModuleFiles;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.verify.Failures;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.job.verify.OutputCheck.Found;
import io.github.wandacuda.job.verify.PruningRecordCheck;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.ModuleSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.io.Serializable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Shards that are written one by one, by whatever process, and their combined results. */
final class ShardPass {
  private final RunScope scope;
  private final PruneTarget.Tools tools;
  private final Function<LinearModule, float[]> norms;
  private final Map<String, ShardResult> results = new TreeMap<>();

  /**
   * Begins with no shards.
   *
   * @param norms returns a module's norms; null if there are none or none are needed
   */
  ShardPass(RunScope scope, PruneTarget.Tools tools, Function<LinearModule, float[]> norms) {
    this.scope = scope;
    this.tools = tools;
    this.norms = norms;
  }

  /**
   * Writes and checks shards on a cluster.
   *
   * @param what is done, for the cluster's own pages
   * @param run what processes have to know
   * @param shards of the source
   * @param earlier returns a shard's records of an interrupted run, which are enough if they are
   *     all there
   * @param record called with each shard's result
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
            .map(module -> ModuleRequest.of(module, norms.apply(module), null))
            .toList());
    List<ShardTask> tasks =
        shards.stream()
            .map(shard -> new ShardTask(run, shard.fileName(), norms(shard), earlier.apply(shard)))
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

  /** Takes a shard's result, and adds its time. */
  void take(ShardResult result) {
    if (result.check() != null && result.check().failure() != null) {
      throw VerificationException.ofOutput(scope.request().output(), result.check().failure());
    }
    results.put(result.shard(), result);
    addSeconds(result.seconds());
  }

  /**
   * Adds a machine's time, multiplied by this process's workers, by whose number the clock divides.
   */
  private void addSeconds(PhaseClock.Seconds seconds) {
    int workers = tools.workers().count();
    tools.clock().addSelect(nanos(seconds.select() * workers));
    tools.clock().addReadWrite(nanos(seconds.readWrite() * workers));
    tools.clock().addVerify(nanos(seconds.verify()));
  }

  private static long nanos(double seconds) {
    return Math.round(seconds * 1e9);
  }

  /** Returns the records of a shard's tensors. */
  List<RunRecords.Tensor> tensors(SafetensorsFile shard) {
    return results.get(shard.fileName()).tensors();
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

  /** Digests the masks that processes have left in the output, in the order of all modules. */
  String digest() {
    Path output = scope.request().output();
    List<LinearModule> chosen = scope.chosen();
    long most = chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
    try (Arena arena = Arena.ofConfined();
        MaskDigest digest = new MaskDigest(chosen.size(), output.resolve(MaskDigest.SPILL))) {
      MaskSink sink = digest.and(tools.masks());
      MemorySegment memory = arena.allocate(most);
      for (int index = 0; index < chosen.size(); index++) {
        LinearModule module = chosen.get(index);
        MemorySegment mask = memory.asSlice(0, module.maskBytes());
        List<LinearModule> ofShard = scope.modules(module.shard());
        ShardMasks.read(
            ShardMasks.file(output, module.shard().fileName()),
            ofShard,
            ofShard.indexOf(module),
            mask);
        sink.add(index, mask);
      }
      return digest.hex();
    }
  }

  /**
   * Checks the record against what was found in the written shards, unless one of them wasn't
   * checked since the run was told to leave that out.
   */
  void check(PruningRecord record) {
    Collection<ShardResult> all = results.values();
    if (all.stream().anyMatch(result -> result.check() == null)) {
      return;
    }
    Found found =
        all.stream().map(result -> result.check().found()).reduce(Found.NOTHING, Found::plus);
    Path output = scope.request().output();
    Failures failures = new Failures();
    new PruningRecordCheck(output.resolve(Provenance.FILE_NAME), record, failures)
        .compare(scope.chosen(), record.maskSha256(), found);
    failures.require(output);
  }

  /**
   * A shard's result, small enough to travel.
   *
   * @param shard its file name
   * @param node the process that wrote it
   * @param tensors the records of its tensors
   * @param written whether it was written now; else an earlier run's was kept
   * @param check what the check found, or null without one
   * @param seconds by phase
   */
  record ShardResult(
      String shard,
      String node,
      List<RunRecords.Tensor> tensors,
      boolean written,
      Check check,
      PhaseClock.Seconds seconds)
      implements Serializable {
    /** Copies the list into one that travels. */
    public ShardResult {
      tensors = List.copyOf(tensors);
    }

    /**
     * The result of a check.
     *
     * @param failure what is wrong first, or null
     * @param found what is there if nothing is wrong
     */
    public record Check(String failure, OutputCheck.Found found) implements Serializable {}
  }

  /**
   * The packed masks of a shard's modules in a file of an unfinished output, one after the other.
   * The processes of a cluster write them, and the run digests them in the order of all modules. So
   * masks, which are a sixteenth of a model, go through the disk that all share and through no
   * process's memory.
   */
  static final class ShardMasks {
    private ShardMasks() {}

    public static Path file(Path output, String shard) {
      return AtomicWrite.temporary(output.resolve(shard + ".masks"));
    }

    /**
     * Returns a sink that writes masks into a file that was begun.
     *
     * @param modules the shard's, in the order of their masks
     */
    static MaskSink to(SharedFile file, List<LinearModule> modules) {
      return (index, mask) -> file.write(offset(modules, index), mask);
    }

    /**
     * Reads a module's mask.
     *
     * @param modules the shard's, the same as when the file was written
     * @param index of the module among them
     * @param into receives the packed mask
     */
    public static void read(Path file, List<LinearModule> modules, int index, MemorySegment into) {
      try (SharedFile masks = SharedFile.open(file)) {
        masks.read(offset(modules, index), into);
      }
    }

    /**
     * Returns whether a file has the size of the modules' masks. After a power failure it only has
     * if they had reached the device.
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

  /**
   * A shard of a run's output: pruned, written, checked. Weights and masks don't travel, only norms
   * in one direction and numbers in the other.
   *
   * @param earlier the records of an interrupted run's tensors, if it has written all of them
   */
  private record ShardTask(
      RunDescription run, String shard, Map<String, float[]> norms, List<RunRecords.Tensor> earlier)
      implements ClusterTask<ShardResult> {
    /** Takes collections that travel. */
    public ShardTask {
      norms = new TreeMap<>(norms);
      earlier = List.copyOf(earlier);
    }

    @Override
    public ShardResult run(ClusterNode node) {
      return node.open().get(run, () -> Worker.open(run, node)).run(this, node);
    }

    /** A process of a cluster at work on shard after shard: it holds source and device open. */
    private record Worker(
        RunDescription run,
        PruningRules rules,
        ModelDirectory model,
        List<LinearModule> chosen,
        Backend backend,
        Workers workers)
        implements AutoCloseable {
      private static final long ALIGNMENT = 64;

      static Worker open(RunDescription run, ClusterNode node) {
        run.requireShared(node.name());
        return run.devices()
            .open(run.source(), node, null, (model, backend) -> of(run, model, backend));
      }

      private static Worker of(RunDescription run, ModelDirectory model, Backend backend) {
        PruningRules rules = run.rules();
        List<LinearModule> chosen =
            model.choose(run.plan().ofPruning().choice()).stream().filter(rules::areFor).toList();
        return new Worker(run, rules, model, chosen, backend, new Workers(backend.concurrency()));
      }

      ShardResult run(ShardTask task, ClusterNode node) {
        SafetensorsFile shard = model.checkpoint().shard(task.shard());
        Path output = Path.of(run.output());
        List<LinearModule> modules =
            chosen.stream().filter(module -> module.shard() == shard).toList();
        PhaseClock clock = new PhaseClock(workers.count());
        Progress wanted = (what, done, total, share) -> run.requireWanted(node);
        boolean keeps = !task.earlier().isEmpty() && holds(shard, output, task.earlier());
        try (SharedFile file = SharedFile.create(run.temporary())) {
          MaskSink masks = ShardMasks.to(file, modules);
          ModuleDigests digests = new ModuleDigests(modules.size());
          List<RunRecords.Tensor> tensors =
              keeps
                  ? task.earlier()
                  : write(
                      shard,
                      modules,
                      task.norms(),
                      run.verify() ? digests : digests.and(masks),
                      clock,
                      wanted);
          ShardResult.Check check =
              run.verify() || keeps
                  ? check(
                      shard,
                      modules,
                      rulesAfter(task, modules),
                      masks,
                      keeps ? null : digests,
                      clock)
                  : null;
          run.requireWanted(node);
          file.force();
          file.publish(ShardMasks.file(output, task.shard()));
          return new ShardResult(
              task.shard(),
              "%s on %s, %s".formatted(node.name(), backend.name(), backend.device()),
              tensors,
              !keeps,
              check,
              clock.seconds());
        }
      }

      /** Checks a written shard; the claimed digests are of the masks that were chosen, or null. */
      private ShardResult.Check check(
          SafetensorsFile shard,
          List<LinearModule> modules,
          PruningRules after,
          MaskSink masks,
          ModuleDigests claimed,
          PhaseClock clock) {
        long start = System.nanoTime();
        Failures failures = new Failures();
        ModuleDigests shown = new ModuleDigests(modules.size());
        Found found =
            new OutputCheck(
                    Path.of(run.output()), false, OutputCheck.THROUGH_CACHE, after, failures)
                .check(
                    List.of(shard),
                    modules,
                    tensor -> true,
                    shown.and(masks),
                    workers,
                    Progress.NONE)
                .orElse(Found.NOTHING);
        clock.addVerify(System.nanoTime() - start);
        if (!failures.isEmpty()) {
          return new ShardResult.Check(failures.first(), Found.NOTHING);
        }
        int other = claimed == null ? -1 : claimed.mismatch(shown);
        return new ShardResult.Check(
            other < 0
                ? null
                : "%s: expected the mask that was chosen, found another"
                    .formatted(modules.get(other).name()),
            found);
      }

      /** Returns the rules once it is known which modules nothing reached. */
      private PruningRules rulesAfter(ShardTask task, List<LinearModule> modules) {
        List<ModuleResult> norms =
            modules.stream()
                .map(
                    module ->
                        new ModuleResult(module, 0, 0, 0, task.norms().get(module.name()), null))
                .toList();
        return rules.after(norms);
      }

      /** Returns whether the output holds a shard with the tensors that a journal tells of. */
      private boolean holds(SafetensorsFile shard, Path output, List<RunRecords.Tensor> earlier) {
        Map<String, RunRecords.Tensor> records =
            earlier.stream().collect(Collectors.toMap(RunRecords.Tensor::name, record -> record));
        Path file = output.resolve(shard.fileName());
        try (WrittenShard written = WrittenShard.open(file, shard).orElse(null)) {
          return written != null
              && shard.tensors().stream()
                  .filter(tensor -> tensor.bytes() > 0)
                  .allMatch(tensor -> written.holds(tensor, records.get(tensor.name()).checksum()));
        }
      }

      /**
       * Prunes a shard into a file of its own, which gets its name when it is complete and on the
       * device. Several attempts at a shard write the same bytes, so it doesn't matter whose comes
       * last.
       */
      private List<RunRecords.Tensor> write(
          SafetensorsFile shard,
          List<LinearModule> modules,
          Map<String, float[]> norms,
          MaskSink masks,
          PhaseClock clock,
          Progress progress) {
        Path temporary = run.temporary();
        ShardWriter writer = ShardWriter.create(temporary, shard, DirectIo.BUFFERED);
        try {
          List<RunRecords.Tensor> tensors = copyUntouched(shard, modules, writer, clock, progress);
          tensors.addAll(
              run.byMoments()
                  ? take(modules, writer, masks, progress)
                  : prune(modules, norms, writer, masks, clock, progress));
          writer.publish(
              Path.of(run.output()).resolve(shard.fileName()), () -> progress.step("shard", 1, 1));
          return tensors;
        } finally {
          writer.abandon();
          OutputDirectory.removeFile(temporary);
        }
      }

      private List<RunRecords.Tensor> copyUntouched(
          SafetensorsFile shard,
          List<LinearModule> modules,
          ShardWriter writer,
          PhaseClock clock,
          Progress progress) {
        Set<TensorInfo> changed = RunScope.tensors(modules);
        List<TensorInfo> copied =
            shard.tensors().stream().filter(tensor -> !changed.contains(tensor)).toList();
        StepCount steps = new StepCount("tensor", copied.size(), progress);
        CopyTask.all(shard, copied, writer, workers, clock, tensor -> steps.done());
        return copied.stream()
            .map(tensor -> new RunRecords.Tensor(tensor.name(), writer.checksum(tensor), null))
            .collect(Collectors.toCollection(ArrayList::new));
      }

      /** Takes modules that were pruned by second moments into files of their own. */
      private List<RunRecords.Tensor> take(
          List<LinearModule> modules, ShardWriter writer, MaskSink masks, Progress progress) {
        ModuleFiles files = new ModuleFiles(Path.of(run.output()), chosen);
        List<RunRecords.Tensor> taken = new ArrayList<>();
        for (LinearModule module : modules) {
          TensorInfo tensor = module.tensor();
          try (Arena arena = Arena.ofShared()) {
            MemorySegment mask = arena.allocate(module.maskBytes(), ALIGNMENT);
            MemorySegment weight = arena.allocate(tensor.bytes(), ALIGNMENT);
            RunRecords.Module result = files.read(module, mask, weight);
            writer.write(tensor, 0, weight);
            masks.add(taken.size(), mask);
            taken.add(new RunRecords.Tensor(tensor.name(), writer.checksum(tensor), result));
          }
          progress.step("module", taken.size(), modules.size());
        }
        return taken;
      }

      private List<RunRecords.Tensor> prune(
          List<LinearModule> modules,
          Map<String, float[]> norms,
          ShardWriter writer,
          MaskSink masks,
          PhaseClock clock,
          Progress progress) {
        List<ModuleRequest> requests =
            modules.stream()
                .map(module -> ModuleRequest.of(module, norms.get(module.name()), null))
                .toList();
        Optional<Path> moments = Optional.ofNullable(run.statistics()).map(Path::of);
        try (ModulePruner pruner =
            new ModulePruner(
                backend, workers, rules, modules, ModuleSink.to(writer), masks, clock)) {
          return pruner.prune(requests, moments, progress).stream()
              .map(
                  result ->
                      RunRecords.Tensor.of(
                          result, writer.checksum(result.module().tensor()), false))
              .toList();
        }
      }

      @Override
      public void close() {
        workers.close();
        backend.close();
        model.close();
      }
    }
  }
}
