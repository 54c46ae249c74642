package io.github.wandacuda.evaluate;

import java.util.List;
import java.util.function.Function;

/** The tasks of pruning papers but MMLU, whose questions have others before them. */
enum BuiltInTask {
  BOOLQ(
      "boolq",
      false,
      new TaskFiles.Usual(
          "google/boolq",
          "validation",
          List.of("boolq"),
          List.of(),
          List.of("dev.jsonl", "val.jsonl")),
      Prompts::boolq),
  RTE(
      "rte",
      false,
      new TaskFiles.Usual(
          "nyu-mll/glue, folder rte",
          "validation",
          List.of("rte"),
          List.of(),
          List.of("val.jsonl", "dev.jsonl")),
      Prompts::rte),
  HELLASWAG(
      "hellaswag",
      true,
      new TaskFiles.Usual(
          "Rowan/hellaswag",
          "validation",
          List.of("hellaswag"),
          List.of(),
          List.of("hellaswag_val.jsonl", "val.jsonl")),
      Prompts::hellaswag),
  WINOGRANDE(
      "winogrande",
      false,
      new TaskFiles.Usual(
          "allenai/winogrande, folder winogrande_xl",
          "validation",
          List.of("winogrande_xl", "winogrande_1.1", "winogrande"),
          List.of(
              "winogrande_xs",
              "winogrande_s",
              "winogrande_m",
              "winogrande_l",
              "winogrande_debiased"),
          List.of("dev.jsonl", "val.jsonl")),
      Prompts::winogrande),
  ARC_EASY(
      "arc_easy",
      true,
      new TaskFiles.Usual(
          "allenai/ai2_arc, folder ARC-Easy",
          "test",
          List.of("arc-easy", "arc_easy"),
          List.of(),
          List.of("arc-easy-test.jsonl", "test.jsonl")),
      Prompts::arc),
  ARC_CHALLENGE(
      "arc_challenge",
      true,
      new TaskFiles.Usual(
          "allenai/ai2_arc, folder ARC-Challenge",
          "test",
          List.of("arc-challenge", "arc_challenge"),
          List.of(),
          List.of("arc-challenge-test.jsonl", "test.jsonl")),
      Prompts::arc),
  OPENBOOKQA(
      "openbookqa",
      true,
      new TaskFiles.Usual(
          "allenai/openbookqa, folder main",
          "test",
          List.of("openbookqa", "openbookqa-v1-sep2018", "obqa"),
          List.of("additional"),
          List.of("test.jsonl")),
      Prompts::openbookqa),
  PIQA(
      "piqa",
      true,
      new TaskFiles.Usual(
          "baber/piqa",
          "validation",
          List.of("piqa"),
          List.of(),
          List.of("valid.jsonl", "val.jsonl", "dev.jsonl")),
      Prompts::piqa);

  private final String taskName;
  private final boolean normalized;
  private final TaskFiles.Usual usual;
  private final Function<TaskRow, TaskDocument> prompt;

  BuiltInTask(
      String taskName,
      boolean normalized,
      TaskFiles.Usual usual,
      Function<TaskRow, TaskDocument> prompt) {
    this.taskName = taskName;
    this.normalized = normalized;
    this.usual = usual;
    this.prompt = prompt;
  }

  String taskName() {
    return taskName;
  }

  boolean normalized() {
    return normalized;
  }

  /** Returns where its files usually lie. */
  TaskFiles.Usual usual() {
    return usual;
  }

  /** Returns what is asked about a row. */
  TaskDocument document(TaskRow row) {
    return prompt.apply(row);
  }
}
