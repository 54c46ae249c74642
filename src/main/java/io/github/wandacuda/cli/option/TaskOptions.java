package io.github.wandacuda.cli.option;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.Task;
import io.github.wandacuda.evaluate.Tasks;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.text.TokenizerProcess;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Which tasks are evaluated, and the folder that holds their documents. */
public final class TaskOptions {
  @Option(
      names = "--tasks",
      paramLabel = "LIST",
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

  private List<String> names = List.of();

  public boolean given() {
    return tasks != null;
  }

  public void check() {
    if (limit != null && limit < 1) {
      throw ErrorDetails.of("--limit").refused("at least 1", limit);
    }
    if (given()) {
      names = Tasks.parse(tasks, data != null);
    }
  }

  public void warnOfIdle(OutputOptions output) {
    if (!given()) {
      output.warnIfGiven("there are no --tasks", "--data", "--limit", "--no-bos");
    }
  }

  /** Reads the tasks' files and turns them into a model's requests. */
  public Evaluation read(ModelDirectory model, OutputOptions output) {
    List<Task> read = Tasks.read(names, data, limit == null ? Long.MAX_VALUE : limit);
    for (Task task : read) {
      if (task.warning() != null) {
        output.warn(task.warning());
      }
      task.files().forEach(file -> output.detail("task %s: %s", task.name(), Printable.of(file)));
    }
    try (TokenizerProcess tokenizer = TokenizerProcess.open(model.tokenizer())) {
      Evaluation evaluation = Evaluation.of(read, model, tokenizer, !noBos);
      output.detail("%d requests", evaluation.requests().size());
      return evaluation;
    }
  }
}
