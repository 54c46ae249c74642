package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.evaluate.Accuracy;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.evaluate.TaskScore;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.Stream;

/**
 * The scores of tasks as an object for programs and as a table for people.
 *
 * @param logLikelihoods whether the object has those too
 */
record TaskTable(List<TaskScore> scores, boolean logLikelihoods) {
  private static final String COLUMNS = "%-28s %9s  %8s  %8s  %8s  %8s";

  /** Returns the object. */
  Map<String, Object> object() {
    Map<String, Object> tasks = new LinkedHashMap<>();
    scores.forEach(score -> tasks.put(score.task(), object(score)));
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("tasks", tasks);
    object.put("mean_accuracy", mean());
    return object;
  }

  private Map<String, Object> object(TaskScore score) {
    Map<String, Object> object = score.figures().toJson();
    if (!score.subjects().isEmpty()) {
      object.put("groups", parts(score.groups()));
      object.put("subjects", parts(score.subjects()));
    }
    if (logLikelihoods) {
      object.put("log_likelihoods", score.logLikelihoods());
    }
    return object;
  }

  private static Map<String, Object> parts(SortedMap<String, TaskFigures> parts) {
    Map<String, Object> objects = new LinkedHashMap<>();
    parts.forEach(
        (name, part) -> {
          Map<String, Object> object = new LinkedHashMap<>();
          TaskFigures.put(object, "accuracy", part.accuracy());
          object.put("documents", part.documents());
          objects.put(name, object);
        });
    return objects;
  }

  private double mean() {
    return TaskFigures.mean(scores.stream().map(TaskScore::figures).toList()).orElseThrow();
  }

  /** Returns the table's lines. */
  Stream<String> text() {
    List<String> lines = new ArrayList<>();
    lines.add(COLUMNS.formatted("task", "documents", "acc", "stderr", "acc_norm", "stderr"));
    for (TaskScore score : scores) {
      lines.add(line(score.task(), score.figures()));
      score.groups().forEach((name, part) -> lines.add(line("  " + name, part)));
      score.subjects().forEach((name, part) -> lines.add(line("    " + name, part)));
    }
    if (scores.size() > 1) {
      lines.add(
          COLUMNS.formatted("mean", "", "%.4f".formatted(mean()), "", "", "").stripTrailing());
    }
    return lines.stream();
  }

  private static String line(String name, TaskFigures figures) {
    Accuracy normalized = figures.normalized();
    return COLUMNS
        .formatted(
            Printable.of(name),
            figures.documents(),
            number(figures.accuracy().mean()),
            number(figures.accuracy().standardError()),
            normalized == null ? "" : number(normalized.mean()),
            normalized == null ? "" : number(normalized.standardError()))
        .stripTrailing();
  }

  private static String number(double value) {
    return Double.isNaN(value) ? "-" : "%.4f".formatted(value);
  }
}
