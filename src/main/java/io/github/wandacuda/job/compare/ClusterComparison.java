package io.github.wandacuda.job.compare;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.FirstFailure;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.prune.SharedSparsity;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.RulesRecord;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has a cluster measure the parts of a comparison, each by one process. */
public record ClusterComparison(
    OnCluster on,
    ModelDirectory model,
    ModuleChoice choice,
    Calibration.FromSamples calibration,
    EvaluationWindows text,
    Optional<Evaluation> tasks)
    implements ComparisonWork {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterComparison.class);

  @Override
  public void measure(List<Part> parts, int all, Progress progress, Measured measured) {
    Set<String> nodes = new HashSet<>();
    int[] done = {all - parts.size()};
    try {
      FirstFailure.run(
          on.cluster(),
          "compare " + model.path(),
          tasks(parts, progress),
          part -> {
            if (nodes.add(part.node())) {
              LOG.info("{}", part.node());
            }
            take(part, measured);
            progress.step("part", ++done[0], all);
          });
    } catch (InputException e) {
      throw new OnCluster.GivenPaths(List.of(model.path())).in(e);
    }
  }

  private List<ComparisonTask> tasks(List<Part> parts, Progress progress) {
    if (parts.isEmpty()) {
      return List.of();
    }
    Inputs inputs =
        new Inputs(
            OnCluster.SharedSource.of(model),
            on.arithmetic(),
            on.devices(),
            choice,
            calibration,
            text,
            tasks.orElse(null));
    String key = UUID.randomUUID().toString();
    List<ComparisonTask> all = new ArrayList<>();
    for (Part part : parts) {
      WayRecord way = part.way() == null ? null : WayRecord.of(part.way().apply(progress));
      all.add(new ComparisonTask(inputs, key, part.place(), way));
    }
    return all;
  }

  private static void take(MeasuredPart part, Measured measured) {
    JsonNode figures = JsonTree.made(part.json());
    if (part.dense()) {
      measured.dense(ComparedRun.DenseFigures.of(figures));
    } else {
      measured.run(part.place(), ComparedRun.of(figures));
    }
  }

  /** What a part of a comparison comes to, with its figures as a report has them. */
  record MeasuredPart(int place, boolean dense, String json, String node) implements Serializable {}

  /** A way of pruning as it is sent to other machines. */
  record WayRecord(String label, String files, RulesRecord rules, String allocation)
      implements Serializable {
    static WayRecord of(Comparison.Way way) {
      return new WayRecord(
          way.label(), way.files(), RulesRecord.of(way.shared().rules()), way.shared().label());
    }

    Comparison.Way way() {
      PruningRules read = rules.rules(Unreached.MAGNITUDE, Set.of());
      return new Comparison.Way(label, files, new SharedSparsity(read, allocation), null);
    }
  }

  /**
   * A part of a comparison, which one process does alone. Nothing is shared between parts but the
   * model that a process has open: each is calibrated on the blocks that it has pruned itself. The
   * way is null for the dense model.
   */
  record ComparisonTask(Inputs inputs, String key, int place, WayRecord way)
      implements ClusterTask<MeasuredPart> {
    @Override
    public MeasuredPart run(ClusterNode node) {
      return node.open().get(key, () -> ComparisonWorker.open(inputs, node)).run(this, node);
    }
  }

  /** A process of a cluster that measures parts of a comparison: it holds model and device open. */
  private record ComparisonWorker(
      ModelDirectory model, Backend backend, Comparison comparison, DenseModel dense)
      implements AutoCloseable {
    static ComparisonWorker open(Inputs inputs, ClusterNode node) {
      return inputs
          .devices()
          .open(
              inputs.source(),
              node,
              inputs.arithmetic(),
              (model, backend) -> {
                Comparison comparison = inputs.comparison(model, backend);
                return new ComparisonWorker(model, backend, comparison, comparison.dense());
              });
    }

    MeasuredPart run(ComparisonTask task, ClusterNode node) {
      node.throwIfCancelled();
      Progress wanted = (what, done, total, share) -> node.throwIfCancelled();
      return new MeasuredPart(
          task.place(),
          task.way() == null,
          JsonText.line(figures(task, wanted)),
          "%s on %s, %s".formatted(node.name(), backend.name(), backend.device()));
    }

    private Map<String, Object> figures(ComparisonTask task, Progress wanted) {
      if (task.way() == null) {
        return comparison.figures(dense, wanted).toJson();
      }
      Comparison.Way way = task.way().way();
      comparison.requireMemory(List.of(way.shared().rules()));
      return comparison.run(way, dense, wanted).toJson();
    }

    @Override
    public void close() {
      dense.close();
      backend.close();
      model.close();
    }
  }

  /**
   * What a process on another machine has to know of a comparison. Tokens travel, so that it needs
   * none of the files but the model's.
   */
  private record Inputs(
      OnCluster.SharedSource source,
      String arithmetic,
      OnCluster.Devices devices,
      ModuleChoice choice,
      Calibration.FromSamples calibration,
      EvaluationWindows windows,
      Evaluation tasks)
      implements Serializable {
    Comparison comparison(ModelDirectory model, Backend backend) {
      return new Comparison(
          model, backend, choice, calibration, windows, Optional.ofNullable(tasks), false, false);
    }
  }
}
