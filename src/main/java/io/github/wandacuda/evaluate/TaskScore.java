package io.github.wandacuda.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * How a model did on a task.
 *
 * @param task its name
 * @param figures of all documents
 * @param logLikelihoods by document and answer, in nats
 * @param subjects how it did on a part, by its name; empty for a task without parts
 * @param groups how it did on groups of parts, such as MMLU's {@code stem}; empty for other tasks
 */
public record TaskScore(
    String task,
    TaskFigures figures,
    List<List<Double>> logLikelihoods,
    SortedMap<String, TaskFigures> subjects,
    SortedMap<String, TaskFigures> groups) {
  /**
   * Scores a task.
   *
   * @param logLikelihoods of its documents' answers, in their order, in nats
   */
  static TaskScore of(Task task, List<List<Double>> logLikelihoods) {
    List<Boolean> right = new ArrayList<>();
    List<Boolean> rightByLength = new ArrayList<>();
    for (int at = 0; at < logLikelihoods.size(); at++) {
      TaskDocument document = task.documents().get(at);
      List<Double> scores = logLikelihoods.get(at);
      right.add(highest(scores) == document.gold());
      rightByLength.add(highest(byLength(document, scores)) == document.gold());
    }
    return new TaskScore(
        task.name(),
        TaskFigures.of(right, task.normalized() ? rightByLength : null),
        logLikelihoods,
        parts(task, right, TaskDocument::group),
        parts(task, right, document -> Mmlu.group(document.group()).orElse("")));
  }

  private static List<Double> byLength(TaskDocument document, List<Double> scores) {
    return IntStream.range(0, scores.size())
        .mapToObj(choice -> scores.get(choice) / document.choices().get(choice).length())
        .toList();
  }

  /** Returns the index of the highest score, of equal ones the first. */
  private static int highest(List<Double> scores) {
    int highest = 0;
    for (int choice = 1; choice < scores.size(); choice++) {
      if (scores.get(choice) > scores.get(highest)) {
        highest = choice;
      }
    }
    return highest;
  }

  /**
   * Returns the figures of a task's parts.
   *
   * @param name gives the part that a document belongs to; empty for none
   */
  private static SortedMap<String, TaskFigures> parts(
      Task task, List<Boolean> right, Function<TaskDocument, String> name) {
    SortedMap<String, List<Boolean>> byName = new TreeMap<>();
    for (int at = 0; at < right.size(); at++) {
      String part = name.apply(task.documents().get(at));
      if (!part.isEmpty()) {
        byName.computeIfAbsent(part, any -> new ArrayList<>()).add(right.get(at));
      }
    }
    SortedMap<String, TaskFigures> parts = new TreeMap<>();
    byName.forEach((part, some) -> parts.put(part, TaskFigures.of(some, null)));
    return parts;
  }
}
