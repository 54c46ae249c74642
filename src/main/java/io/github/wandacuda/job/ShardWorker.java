package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.DirectIo;
import io.github.wandacuda.job.OutputCheck.Found;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.LayerInputs;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A process of a cluster at work on a run: it holds the source and a device open, and does shard
 * after shard.
 */
final class ShardWorker implements AutoCloseable {
  private final RunDescription run;
  private final PruningRules rules;
  private final ModelDirectory model;
  private final List<LinearModule> chosen;
  private final Backend backend;
  private final Workers workers;

  private ShardWorker(RunDescription run, Provenance plan, ModelDirectory model, Backend backend) {
    this.run = run;
    this.model = model;
    this.backend = backend;
    rules = RunDescription.rules(plan);
    chosen = model.choose(RunDescription.choice(plan)).stream().filter(rules::areFor).toList();
    workers = new Workers(backend.concurrency());
  }

  /**
   * Opens what a run needs.
   *
   * @throws InputException if the source isn't here, or is another one
   * @throws OutputException if the output directory isn't the one that the run has begun
   * @throws io.github.wandacuda.error.BackendUnavailableException if there is no such device
   */
  static ShardWorker open(RunDescription run, ClusterNode node) {
    run.requireShared(node.name());
    Provenance plan = run.provenance();
    ModelDirectory model = run.openModel(plan);
    try {
      return new ShardWorker(run, plan, model, run.devices().open(node));
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /** Does a shard. */
  ShardResult run(ShardTask task, ClusterNode node) {
    SafetensorsFile shard = model.checkpoint().shard(task.shard());
    Path output = Path.of(run.output());
    List<LinearModule> modules = chosen.stream().filter(module -> module.shard() == shard).toList();
    PhaseClock clock = new PhaseClock(workers.count());
    Progress wanted = (what, done, total) -> run.requireWanted(node);
    boolean keeps = !task.earlier().isEmpty() && holds(shard, output, task.earlier());
    try (ShardMasks masks = ShardMasks.create(run.temporary(), modules)) {
      ModuleDigests digests = new ModuleDigests(modules.size());
      List<ShardResult.Tensor> tensors =
          keeps
              ? task.earlier()
              : new Pass(this, shard, modules, task.norms(), clock, wanted)
                  .write(run.temporary(), output, run.verify() ? digests : digests.and(masks));
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
          ShardResult.Seconds.of(clock));
    }
  }

  /**
   * Checks a written shard.
   *
   * @param masks takes the masks that it shows
   * @param claimed the digests of the masks that were chosen, or null if they aren't known
   */
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
            .map(module -> new ModuleResult(module, 0, 0, 0, task.norms().get(module.name()), null))
            .toList();
    return rules.after(norms);
  }

  /** Returns whether the output holds a shard with the tensors that a journal tells of. */
  private boolean holds(SafetensorsFile shard, Path output, List<ShardResult.Tensor> earlier) {
    Map<String, ShardResult.Tensor> records =
        earlier.stream().collect(Collectors.toMap(ShardResult.Tensor::name, record -> record));
    Path file = output.resolve(shard.path().getFileName().toString());
    try (WrittenShard written = WrittenShard.open(file, shard).orElse(null)) {
      return written != null
          && shard.tensors().stream()
              .filter(tensor -> tensor.bytes() > 0)
              .allMatch(tensor -> written.holds(tensor, records.get(tensor.name()).checksum()));
    }
  }

  @Override
  public void close() {
    workers.close();
    backend.close();
    model.close();
  }

  /**
   * Prunes one shard into a file of its own, which gets its name when it is complete and on the
   * device. Several attempts at a shard write the same bytes, so it doesn't matter whose comes
   * last.
   *
   * @param chosen its modules that are pruned
   * @param norms their norms, by their names
   * @param progress is told of each module that is done
   */
  private record Pass(
      ShardWorker of,
      SafetensorsFile shard,
      List<LinearModule> chosen,
      Map<String, float[]> norms,
      PhaseClock clock,
      Progress progress) {
    private static final long ALIGNMENT = 64;

    /** Bytes of a weight that are written at a time. */
    private static final long PIECE_BYTES = 64 << 20;

    /**
     * Writes the shard.
     *
     * @param temporary a name that no other attempt has
     * @param output the directory in which it gets the source's name
     * @param masks takes the masks of its modules
     * @return what became of its tensors
     */
    List<ShardResult.Tensor> write(Path temporary, Path output, MaskSink masks) {
      Path target = output.resolve(shard.path().getFileName().toString());
      ShardWriter writer = ShardWriter.create(temporary, shard, DirectIo.BUFFERED);
      try {
        List<ShardResult.Tensor> tensors = copyUntouched(writer);
        tensors.addAll(of.run.byMoments() ? take(writer, masks) : prune(writer, masks));
        writer.force();
        writer.close();
        progress.step("shard", 1, 1);
        AtomicWrite.moveOver(temporary, target);
        return tensors;
      } catch (IOException e) {
        throw OutputException.unwritable(target, e);
      } finally {
        writer.abandon();
        OutputDirectory.removeFile(temporary);
      }
    }

    private List<ShardResult.Tensor> copyUntouched(ShardWriter writer) {
      Set<TensorInfo> changed =
          chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
      List<TensorInfo> copied =
          shard.tensors().stream().filter(tensor -> !changed.contains(tensor)).toList();
      try (TileBuffers buffers = new TileBuffers(TileMemory.inCache(of.workers.count()))) {
        StepCount steps = new StepCount("tensor", copied.size(), progress);
        of.workers.run(
            copied.stream()
                .map(tensor -> new CopyJob(shard, tensor, writer, buffers, clock, steps::done))
                .toList());
      }
      return copied.stream()
          .map(tensor -> new ShardResult.Tensor(tensor.name(), writer.checksum(tensor), null))
          .collect(Collectors.toCollection(ArrayList::new));
    }

    private List<ShardResult.Tensor> take(ShardWriter writer, MaskSink masks) {
      ModuleFiles files = new ModuleFiles(Path.of(of.run.output()), of.chosen);
      List<ShardResult.Tensor> taken = new ArrayList<>();
      for (LinearModule module : chosen) {
        TensorInfo tensor = module.tensor();
        try (Arena arena = Arena.ofShared()) {
          MemorySegment mask = arena.allocate(module.maskBytes(), ALIGNMENT);
          MemorySegment weight = arena.allocate(tensor.bytes(), ALIGNMENT);
          ShardResult.Module result = files.read(module, mask, weight);
          for (long at = 0; at < weight.byteSize(); at += PIECE_BYTES) {
            long bytes = Math.min(PIECE_BYTES, weight.byteSize() - at);
            writer.write(tensor, at, weight.asSlice(at, bytes));
          }
          masks.add(taken.size(), mask);
          taken.add(new ShardResult.Tensor(tensor.name(), writer.checksum(tensor), result));
        }
        progress.step("module", taken.size(), chosen.size());
      }
      return taken;
    }

    private List<ShardResult.Tensor> prune(ShardWriter writer, MaskSink masks) {
      Optional<Path> moments = Optional.ofNullable(of.run.statistics()).map(Path::of);
      try (ModulePruner pruner =
          new ModulePruner(
              of.backend, of.workers, of.rules, chosen, new Only(writer), masks, clock)) {
        return new StatisticsPass(of.rules, this::request, moments, pruner, progress)
            .run(chosen).stream()
                .map(
                    result ->
                        ShardResult.Tensor.of(result, writer.checksum(result.module().tensor())))
                .toList();
      }
    }

    private ModuleRequest request(LinearModule module) {
      float[] own = norms.get(module.name());
      return new ModuleRequest(module, new LayerInputs(own, null, 0, Optional.empty()), null);
    }

    /** The one shard that is written. */
    private record Only(ShardWriter writer) implements ShardTarget {
      @Override
      public ShardWriter of(LinearModule module) {
        return writer;
      }

      @Override
      public void done(ModuleResult result) {
        // The results are taken when all are there.
      }
    }
  }
}
