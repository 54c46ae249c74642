package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.job.MaskDigest.ModuleDigests;
import io.github.wandacuda.job.OutputCheck.Found;
import io.github.wandacuda.job.ShardPass.ShardMasks;
import io.github.wandacuda.job.ShardPass.ShardResult;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A shard of a run's output: pruned, written, checked. Weights and masks don't travel, only norms
 * in one direction and numbers in the other.
 *
 * @param earlier the tensors that an interrupted run has written, if it has written all
 */
record ShardTask(
    RunDescription run, String shard, Map<String, float[]> norms, List<RunRecords.Tensor> earlier)
    implements ClusterTask<ShardResult> {
  /** Takes collections that travel. */
  public ShardTask {
    norms = new TreeMap<>(norms);
    earlier = List.copyOf(earlier);
  }

  @Override
  public ShardResult run(ClusterNode node) {
    return node.kept(run, () -> Worker.open(run, node)).run(this, node);
  }

  /**
   * A process of a cluster at work on a run: it holds the source and a device open, and does shard
   * after shard.
   */
  private static final class Worker implements AutoCloseable {
    private static final long ALIGNMENT = 64;

    /** Bytes of a weight that are written at a time. */
    private static final long PIECE_BYTES = 64 << 20;

    private final RunDescription run;
    private final PruningRules rules;
    private final ModelDirectory model;
    private final List<LinearModule> chosen;
    private final Backend backend;
    private final Workers workers;

    private Worker(RunDescription run, ModelDirectory model, Backend backend) {
      this.run = run;
      this.model = model;
      this.backend = backend;
      rules = run.rules();
      chosen = model.choose(run.plan().choice()).stream().filter(rules::areFor).toList();
      workers = new Workers(backend.concurrency());
    }

    static Worker open(RunDescription run, ClusterNode node) {
      run.requireShared(node.name());
      return run.devices()
          .open(run.source(), node, null, (model, backend) -> new Worker(run, model, backend));
    }

    ShardResult run(ShardTask task, ClusterNode node) {
      SafetensorsFile shard = model.checkpoint().shard(task.shard());
      Path output = Path.of(run.output());
      List<LinearModule> modules =
          chosen.stream().filter(module -> module.shard() == shard).toList();
      PhaseClock clock = new PhaseClock(workers.count());
      Progress wanted = (what, done, total, share) -> run.requireWanted(node);
      boolean keeps = !task.earlier().isEmpty() && holds(shard, output, task.earlier());
      try (ShardMasks masks = ShardMasks.create(run.temporary(), modules)) {
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
                    shard, modules, rulesAfter(task, modules), masks, keeps ? null : digests, clock)
                : null;
        run.requireWanted(node);
        masks.publish(ShardMasks.file(output, task.shard()));
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
          new OutputCheck(Path.of(run.output()), false, OutputCheck.THROUGH_CACHE, after, failures)
              .check(
                  List.of(shard), modules, tensor -> true, shown.and(masks), workers, Progress.NONE)
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
      Path file = output.resolve(shard.path().getFileName().toString());
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
            Path.of(run.output()).resolve(shard.path().getFileName().toString()),
            () -> progress.step("shard", 1, 1));
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
      Set<TensorInfo> changed =
          modules.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
      List<TensorInfo> copied =
          shard.tensors().stream().filter(tensor -> !changed.contains(tensor)).toList();
      try (TileBuffers buffers = TileBuffers.inCache(workers.count())) {
        StepCount steps = new StepCount("tensor", copied.size(), progress);
        workers.run(
            copied.stream()
                .map(
                    tensor ->
                        new Counted(
                            CopyTask.of(shard, tensor, writer, buffers, clock), steps::done))
                .toList());
      }
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
          for (long at = 0; at < weight.byteSize(); at += PIECE_BYTES) {
            long bytes = Math.min(PIECE_BYTES, weight.byteSize() - at);
            writer.write(tensor, at, weight.asSlice(at, bytes));
          }
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
      Optional<Path> moments = Optional.ofNullable(run.statistics()).map(Path::of);
      try (ModulePruner pruner =
          new ModulePruner(
              backend, workers, rules, modules, ShardTarget.to(writer), masks, clock)) {
        return new StatisticsPass(
                rules,
                module -> ModuleRequest.of(module, norms.get(module.name())),
                moments,
                pruner,
                progress)
            .run(modules).stream()
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
