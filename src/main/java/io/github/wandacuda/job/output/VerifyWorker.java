package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** A process of a cluster that checks a pruned model: it holds the source open. */
final class VerifyWorker implements AutoCloseable {
  private final VerifyRun run;
  private final PruningRules rules;
  private final ModelDirectory model;
  private final Map<String, LinearModule> modules;
  private final Workers workers;

  private VerifyWorker(VerifyRun run, ModelDirectory model, int threads) {
    this.run = run;
    this.model = model;
    rules = run.rules();
    modules =
        model.modules().stream().collect(Collectors.toMap(LinearModule::name, Function.identity()));
    workers = new Workers(threads);
  }

  /**
   * Opens what a run needs.
   *
   * @throws io.github.wandacuda.error.InputException if the source isn't here, or is another one
   */
  static VerifyWorker open(VerifyRun run, ClusterNode node) {
    ModelDirectory model = run.source().open();
    try {
      return new VerifyWorker(
          run, model, node.threads().orElse(Runtime.getRuntime().availableProcessors()));
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /** Checks a part. */
  VerifiedPart run(VerifyTask task, ClusterNode node) {
    node.throwIfCancelled();
    List<LinearModule> chosen = task.modules().stream().map(modules::get).toList();
    Set<String> others = new HashSet<>(task.others());
    byte[][] masks = new byte[run.masks() ? chosen.size() : 0][];
    MaskSink sink =
        run.masks()
            ? (index, mask) -> masks[index] = mask.toArray(ValueLayout.JAVA_BYTE)
            : MaskSink.NONE;
    Failures failures = new Failures();
    VerifiedPart.Found found =
        new ShardVerifier(
                workers, rules, chosen, failures, sink, ShardVerifier.THROUGH_CACHE, Progress.NONE)
            .verifyPart(
                shard(task.shard()),
                Path.of(run.pruned()),
                run.packed(),
                tensor -> others.contains(tensor.name()))
            .map(
                all ->
                    new VerifiedPart.Found(
                        masks, all.pruned(), all.zeros(), List.copyOf(all.prunedModules())))
            .orElse(null);
    return new VerifiedPart(task.index(), node.name(), failures.part(), found);
  }

  private SafetensorsFile shard(String name) {
    return model.checkpoint().shards().stream()
        .filter(shard -> shard.path().getFileName().toString().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(name));
  }

  @Override
  public void close() {
    workers.close();
    model.close();
  }
}
