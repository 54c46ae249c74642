package io.github.wandacuda.job.output;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.job.output.OutputCheck.Found;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.ShardMasks;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
              : new ShardPass(
                      shard,
                      rules,
                      modules,
                      task.norms(),
                      Optional.ofNullable(run.statistics()).map(Path::of),
                      run.byMoments()
                          ? Optional.of(new ModuleFiles(output, chosen))
                          : Optional.empty(),
                      backend,
                      workers,
                      clock,
                      wanted)
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
            .check(List.of(shard), modules, shown.and(masks), workers, Progress.NONE)
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
}
