package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.model.ModelDirectory;
import java.util.List;
import java.util.Map;

/** A process of a cluster that measures parts of a comparison: it holds model and device open. */
final class ComparisonWorker implements AutoCloseable {
  private final ModelDirectory model;
  private final Backend backend;
  private final Comparison comparison;

  private ComparisonWorker(ModelDirectory model, Backend backend, Comparison comparison) {
    this.model = model;
    this.backend = backend;
    this.comparison = comparison;
  }

  /**
   * Opens what a comparison needs.
   *
   * @throws io.github.wandacuda.error.InputException if the source isn't here, or is another one
   * @throws io.github.wandacuda.error.BackendUnavailableException if there is no such device, or
   *     one that computes other bits
   */
  static ComparisonWorker open(ComparisonTask task, ClusterNode node) {
    ModelDirectory model = task.inputs().openModel();
    try {
      Backend backend = task.devices().open(node, task.arithmetic());
      try {
        return new ComparisonWorker(model, backend, task.inputs().comparison(model, backend));
      } catch (RuntimeException | Error e) {
        backend.close();
        throw e;
      }
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /** Measures a part. */
  MeasuredPart run(ComparisonTask task, ClusterNode node) {
    node.throwIfCancelled();
    Progress wanted = (what, done, total) -> node.throwIfCancelled();
    return new MeasuredPart(
        task.place(),
        task.way() == null,
        JsonText.line(figures(task, wanted)),
        "%s on %s, %s".formatted(node.name(), backend.name(), backend.device()));
  }

  private Map<String, Object> figures(ComparisonTask task, Progress wanted) {
    if (task.way() == null) {
      return comparison.dense(wanted).toJson();
    }
    Comparison.Way way = task.way().way();
    comparison.requireMemory(List.of(way.shared().rules()));
    return comparison.run(way, wanted).toJson();
  }

  @Override
  public void close() {
    backend.close();
    model.close();
  }
}
