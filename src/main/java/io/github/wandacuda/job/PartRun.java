package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.system.RealCause;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A part at work: it writes its shards and, if it is the last, completes the output. */
final class PartRun implements PruneTarget.Run {
  private static final Logger LOG = LoggerFactory.getLogger(PartRun.class);

  private final PartTarget target;
  private final RunScope scope;
  private final Part part;
  private final OnCluster process;
  private final PruneTarget.Tools tools;
  private final Provenance plan;
  private final Fingerprint fingerprint;
  private final PartLock lock;
  private final ShardRecords records;
  private final List<SafetensorsFile> share;
  private PartState state;

  /** The output, from when the shards are finished. */
  private OutputDirectory output;

  /** Takes over the part's lock, which it closes. */
  PartRun(
      PartTarget target,
      RunScope scope,
      Part part,
      OnCluster process,
      PruneTarget.Tools tools,
      Provenance plan,
      Fingerprint fingerprint,
      PartLock lock) {
    this.target = target;
    this.scope = scope;
    this.part = part;
    this.process = process;
    this.tools = tools;
    this.plan = plan;
    this.fingerprint = fingerprint;
    this.lock = lock;
    records = ShardRecords.of(target.path(), fingerprint, scope.chosen());
    share = part.shareOf(scope.model().checkpoint().shards());
  }

  @Override
  public Optional<Provenance> finished() {
    return Optional.empty();
  }

  @Override
  public PartState part() {
    return state;
  }

  /** The output is open if all shards are finished and nobody has completed it. */
  @Override
  public boolean completes() {
    return output != null && output.finished().isEmpty();
  }

  @Override
  public RunResult prune() {
    ShardResults own = writeShare();
    // Who looks next, with the journal's lock, has to see that this part is not at work any more.
    lock.close();
    output = target.directory();
    if (output.finished().isPresent()) {
      state = PartState.end(part);
      return result(output.finished().get(), List.of());
    }
    target.requireSame(output, fingerprint);
    ShardResults all = new ShardResults(scope, target.path(), tools);
    state = look(all);
    if (state.finished()) {
      return complete(all);
    }
    output.close();
    output = null;
    List<ModuleResult> results = own.modules(scope::norms);
    return result(
        Provenance.planned(
                scope.request(),
                share.stream().flatMap(shard -> records.modules(shard).stream()).toList(),
                plan.sourceSha256(),
                plan.version())
            .with(results, null),
        results);
  }

  private RunResult result(Provenance record, List<ModuleResult> results) {
    return new RunResult(record, results, tools.clock().seconds());
  }

  private ShardResults writeShare() {
    RunDescription run =
        RunDescription.of(
            scope.model(),
            target.path(),
            scope.moments(),
            false,
            plan,
            scope.request().verify(),
            process.devices());
    ModulePruner.warnOfUnreached(
        scope.rules(),
        share.stream()
            .flatMap(shard -> records.modules(shard).stream())
            .map(scope::moduleRequest)
            .toList());
    Map<String, SafetensorsFile> byName = new TreeMap<>();
    share.forEach(shard -> byName.put(name(shard), shard));
    ShardResults own = new ShardResults(scope, target.path(), tools);
    tools.progress().begin(0);
    process
        .cluster()
        .run(
            "prune " + part,
            share.stream().map(shard -> task(run, shard)).toList(),
            result -> {
              own.take(result);
              records.write(byName.get(result.shard()), result);
              tools.progress().step("shard", own.size(), share.size());
            });
    return own;
  }

  private ShardTask task(RunDescription run, SafetensorsFile shard) {
    Map<String, float[]> norms = new TreeMap<>();
    for (LinearModule module : records.modules(shard)) {
      float[] own = scope.norms(module);
      if (own != null) {
        norms.put(module.name(), own);
      }
    }
    return new ShardTask(
        run, name(shard), norms, records.read(shard).map(ShardResult::tensors).orElse(List.of()));
  }

  private static String name(SafetensorsFile shard) {
    return shard.path().getFileName().toString();
  }

  /**
   * Looks for all parts' shards, with the journal's lock.
   *
   * @param all takes what is there
   * @return a state that is finished if this part has to complete the output
   */
  private PartState look(ShardResults all) {
    List<SafetensorsFile> shards = scope.model().checkpoint().shards();
    Set<SafetensorsFile> missing = new HashSet<>();
    for (SafetensorsFile shard : shards) {
      records.read(shard).ifPresentOrElse(all::take, () -> missing.add(shard));
    }
    int done =
        Math.toIntExact(
            part.shares(shards).stream()
                .filter(shares -> shares.stream().noneMatch(missing::contains))
                .count());
    Optional<Part> atWork = PartLock.atWork(target.path(), part.of());
    if (missing.isEmpty() && atWork.isPresent()) {
      LOG.info("{} is at work again and will complete the output", atWork.get());
    }
    return new PartState(part, done, missing.isEmpty() && atWork.isEmpty());
  }

  private RunResult complete(ShardResults all) {
    LOG.info("{}: all {} parts are done", target.path(), part.of());
    target
        .sideFiles()
        .leftOut()
        .forEach(file -> LOG.warn("{} is left out: the output has no use for it", file));
    List<ModuleResult> modules = all.modules(scope::norms);
    Provenance record = plan.with(modules, all.digest());
    all.check(record);
    target.sideFiles().files().forEach(file -> output.copy(target.sideFiles(), file));
    target.added(output).requireNoneAfter();
    return result(record, modules);
  }

  @Override
  public void end(RunResult result) {
    target.sideFiles().lastFiles().forEach(file -> output.copy(target.sideFiles(), file));
    output.finish(result.provenance(), target.added(output)::removeLeftovers);
  }

  /** Keeps everything: other parts have worked on it too. */
  @Override
  public void settle(Throwable failure) {
    if (RealCause.behind(failure).orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; what is finished of %s is kept: run %s again to go on"
              .formatted(target.path(), part),
          failure);
    }
    LOG.warn("{}: what is finished is kept for when {} runs again", target.path(), part);
    RealCause.throwIfBehind(failure);
  }

  @Override
  public void close() {
    lock.close();
    if (output != null) {
      output.close();
    }
  }
}
