package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.FirstFailure;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has a cluster measure the parts of a comparison, each by one process. */
public final class ClusterComparison implements ComparisonWork {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterComparison.class);

  private final OnCluster on;
  private final Path model;
  private final ComparisonInputs inputs;

  /**
   * Prepares a comparison.
   *
   * @param model the dense model
   * @param choice which modules are pruned
   * @param calibration what the modules' inputs come from
   * @param text what perplexity is measured on
   * @param tasks what models are asked
   */
  public ClusterComparison(
      OnCluster on,
      ModelDirectory model,
      ModuleChoice choice,
      Calibration.FromSamples calibration,
      EvaluationWindows text,
      Optional<Evaluation> tasks) {
    this.on = on;
    this.model = model.path();
    inputs = new ComparisonInputs(model, choice, calibration, text, tasks);
  }

  @Override
  public void measure(List<Part> parts, int all, Progress progress, Measured measured) {
    Set<String> nodes = new HashSet<>();
    int[] done = {all - parts.size()};
    try {
      FirstFailure.run(
          on.cluster(),
          "compare " + model,
          tasks(parts, progress),
          part -> {
            if (nodes.add(part.node())) {
              LOG.info("{}", part.node());
            }
            take(part, measured);
            progress.step("part", ++done[0], all);
          });
    } catch (InputException e) {
      throw new GivenPaths(List.of(model)).in(e);
    }
  }

  private List<ComparisonTask> tasks(List<Part> parts, Progress progress) {
    if (parts.isEmpty()) {
      return List.of();
    }
    String arithmetic = on.arithmetic();
    String key = inputs.key(arithmetic, on.devices());
    List<ComparisonTask> tasks = new ArrayList<>();
    for (Part part : parts) {
      WayRecord way = part.way() == null ? null : WayRecord.of(part.way().apply(progress));
      tasks.add(new ComparisonTask(inputs, arithmetic, on.devices(), key, part.place(), way));
    }
    return tasks;
  }

  private static void take(MeasuredPart part, Measured measured) {
    JsonNode figures;
    try {
      figures =
          JsonTree.read(new ByteArrayInputStream(part.json().getBytes(StandardCharsets.UTF_8)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    if (part.dense()) {
      measured.dense(DenseFigures.of(figures));
    } else {
      measured.run(part.place(), ComparedRun.of(figures));
    }
  }
}
