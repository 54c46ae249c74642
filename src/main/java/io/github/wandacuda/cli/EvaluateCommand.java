package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.TaskOptions;
import io.github.wandacuda.cli.option.TextModelOption;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Accuracy;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Answers tasks of several choices by the likelihood of each, as lm-evaluation-harness does. */
@Command(
    name = "evaluate",
    description =
        "Measures a model's accuracy on zero-shot tasks by log-likelihood, as"
            + " lm-evaluation-harness does.",
    footer = {"  wanda-cuda evaluate --model org/model --tasks boolq,rte --data tasks"})
final class EvaluateCommand extends Subcommand {
  private static final String COLUMNS = "%-28s %9s  %8s  %8s  %8s  %8s";

  @Mixin private TextModelOption model;

  @Mixin private TaskOptions tasks;

  @Option(
      names = "--log-likelihoods",
      description = "With --json: the log-likelihood of each answer too.")
  private boolean logLikelihoods;

  @Mixin private BackendOptions backends;

  @Override
  public void run() {
    backends.check();
    if (!tasks.given()) {
      throw new UsageException("evaluate needs --tasks LIST");
    }
    tasks.check();
    try (ModelDirectory directory = model.open(output)) {
      Evaluation evaluation = tasks.read(directory, output);
      int hiddenSize = DecoderFamilies.shape(directory).hiddenSize();
      RunNeeds.requireMemory(directory, List.of(), evaluation.stateBytes(hiddenSize));
      try (Backend backend = backends.open(output);
          Decoder decoder = DecoderFamilies.open(directory, backend.forwards())) {
        List<TaskScore> scores = evaluation.run(decoder, output.progress());
        output.result(object(scores), () -> text(scores));
      }
    }
  }

  private Map<String, Object> object(List<TaskScore> scores) {
    Map<String, Object> tasks = new LinkedHashMap<>();
    scores.forEach(score -> tasks.put(score.task(), object(score)));
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("tasks", tasks);
    object.put("mean_accuracy", mean(scores));
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

  private static double mean(List<TaskScore> scores) {
    return TaskFigures.mean(scores.stream().map(TaskScore::figures).toList()).orElseThrow();
  }

  private static Stream<String> text(List<TaskScore> scores) {
    List<String> lines = new ArrayList<>();
    lines.add(COLUMNS.formatted("task", "documents", "acc", "stderr", "acc_norm", "stderr"));
    for (TaskScore score : scores) {
      lines.add(line(score.task(), score.figures()));
      score.groups().forEach((name, part) -> lines.add(line("  " + name, part)));
      score.subjects().forEach((name, part) -> lines.add(line("    " + name, part)));
    }
    if (scores.size() > 1) {
      lines.add(
          COLUMNS
              .formatted("mean", "", "%.4f".formatted(mean(scores)), "", "", "")
              .stripTrailing());
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
