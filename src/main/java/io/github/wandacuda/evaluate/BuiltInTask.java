package io.github.wandacuda.evaluate;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** The tasks of pruning papers but MMLU, whose questions have others before them. */
enum BuiltInTask {
  BOOLQ(false, "google/boolq", "validation", "boolq", "", "dev.jsonl val.jsonl", Prompts::boolq),
  RTE(
      false,
      "nyu-mll/glue, folder rte",
      "validation",
      "rte",
      "",
      "val.jsonl dev.jsonl",
      Prompts::rte),
  HELLASWAG(
      true,
      "Rowan/hellaswag",
      "validation",
      "hellaswag",
      "",
      "hellaswag_val.jsonl val.jsonl",
      Prompts::hellaswag),
  WINOGRANDE(
      false,
      "allenai/winogrande, folder winogrande_xl",
      "validation",
      "winogrande_xl winogrande_1.1 winogrande",
      "winogrande_xs winogrande_s winogrande_m winogrande_l winogrande_debiased",
      "dev.jsonl val.jsonl",
      Prompts::winogrande),
  ARC_EASY(
      true,
      "allenai/ai2_arc, folder ARC-Easy",
      "test",
      "arc-easy arc_easy",
      "",
      "arc-easy-test.jsonl test.jsonl",
      Prompts::arc),
  ARC_CHALLENGE(
      true,
      "allenai/ai2_arc, folder ARC-Challenge",
      "test",
      "arc-challenge arc_challenge",
      "",
      "arc-challenge-test.jsonl test.jsonl",
      Prompts::arc),
  OPENBOOKQA(
      true,
      "allenai/openbookqa, folder main",
      "test",
      "openbookqa openbookqa-v1-sep2018 obqa",
      "additional",
      "test.jsonl",
      Prompts::openbookqa),
  PIQA(
      true,
      "baber/piqa",
      "validation",
      "piqa",
      "",
      "valid.jsonl val.jsonl dev.jsonl",
      Prompts::piqa);

  private final boolean normalized;
  private final TaskFiles.Usual usual;
  private final Function<TaskRow, TaskDocument> prompt;

  /** Takes lists of names as words; see {@link TaskFiles.Usual}. */
  BuiltInTask(
      boolean normalized,
      String origin,
      String split,
      String folders,
      String without,
      String lines,
      Function<TaskRow, TaskDocument> prompt) {
    this.normalized = normalized;
    usual = new TaskFiles.Usual(origin, split, words(folders), words(without), words(lines));
    this.prompt = prompt;
  }

  private static List<String> words(String text) {
    return text.isEmpty() ? List.of() : List.of(text.split(" "));
  }

  String taskName() {
    return name().toLowerCase(Locale.ROOT);
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
