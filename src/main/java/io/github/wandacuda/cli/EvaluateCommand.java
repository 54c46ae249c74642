package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.evaluate.task.Task;
import io.github.wandacuda.evaluate.task.Tasks;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.tokenizer.TokenizerProcess;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Asks a model the questions of zero-shot tasks. */
@Command(
    name = "evaluate",
    description =
        "Measures a model's accuracy on zero-shot tasks by log-likelihood, as"
            + " lm-evaluation-harness does.",
    mixinStandardHelpOptions = true)
public final class EvaluateCommand implements Runnable {
  @Mixin private ModelOption model;

  @Option(
      names = "--tasks",
      paramLabel = "LIST",
      required = true,
      description =
          "Tasks, between commas: boolq, rte, hellaswag, winogrande, arc_easy, arc_challenge,"
              + " openbookqa, piqa, mmlu; or files that end in .jsonl.")
  private String tasks;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "The folder below which the tasks' files lie, as the Hugging Face hub or their authors"
              + " have them. Nothing is downloaded.")
  private Path data;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Take the first N documents of each task; in mmlu of each subject.")
  private Integer limit;

  @Option(
      names = "--no-bos",
      description =
          "Add no special tokens, as the code of Wanda does; by default the tokenizer's own.")
  private boolean noBos;

  @Option(
      names = "--log-likelihoods",
      description = "With --json: the log-likelihood of each answer too.")
  private boolean logLikelihoods;

  @Mixin private BackendOptions backends;
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    backends.check();
    backends.warnOfIdle(output);
    if (limit != null && limit < 1) {
      throw new UsageException(
          ErrorDetails.of("--limit").expected("at least 1", String.valueOf(limit)));
    }
    List<String> names = Tasks.parse(tasks, data != null);
    try (ModelDirectory directory = model.open()) {
      ModelSummary.say(directory, output);
      List<Task> read = Tasks.read(names, data, limit == null ? Long.MAX_VALUE : limit);
      read.forEach(this::say);
      Evaluation evaluation = evaluation(directory, read);
      output.detail("%d requests", evaluation.requests());
      requireMemory(directory, evaluation);
      try (Backend backend = backends.open(output).backend();
          Decoder decoder = DecoderFamilies.open(directory, backend.operations())) {
        List<TaskScore> scores = evaluation.run(decoder, backend.operations(), output.progress());
        TaskTable table = new TaskTable(scores, logLikelihoods);
        output.result(table.object(), table::text);
      }
    }
  }

  private void say(Task task) {
    if (task.warning() != null) {
      output.warn(task.warning());
    }
    task.files().forEach(file -> output.detail("task %s: %s", task.name(), Printable.of(file)));
  }

  private Evaluation evaluation(ModelDirectory directory, List<Task> read) {
    try (TokenizerProcess tokenizer = TokenizerProcess.open(directory.path())) {
      return Evaluation.of(read, directory, tokenizer, !noBos);
    }
  }

  private static void requireMemory(ModelDirectory directory, Evaluation evaluation) {
    int hiddenSize = DecoderFamilies.of(directory.config()).shape(directory.config()).hiddenSize();
    RunNeeds.requireMemory(directory, List.of(), evaluation.stateBytes(hiddenSize));
  }
}
