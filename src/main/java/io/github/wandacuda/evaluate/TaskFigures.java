package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * How a model did on a task, in numbers.
 *
 * @param documents how many were asked
 * @param accuracy of the answers with the highest log-likelihood
 * @param normalized of those with the highest one by character; null where the task has none
 */
public record TaskFigures(int documents, Accuracy accuracy, Accuracy normalized) {
  /**
   * Counts documents.
   *
   * @param right whether each was answered rightly; at least one
   * @param normalized the same by character, or null where the task has no such accuracy
   */
  static TaskFigures of(List<Boolean> right, List<Boolean> normalized) {
    return new TaskFigures(
        right.size(), Accuracy.of(right), normalized == null ? null : Accuracy.of(normalized));
  }

  /**
   * Returns the object that results and records have in JSON: the accuracies with their standard
   * errors, and the number of documents.
   */
  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    put(object, "accuracy", accuracy);
    put(object, "accuracy_norm", normalized);
    object.put("documents", documents);
    return object;
  }

  /**
   * Adds an accuracy and, by the name with {@code _stderr} behind it, its standard error.
   *
   * @param accuracy null for none, which adds null for both; an error that isn't finite is null too
   */
  public static void put(Map<String, Object> object, String name, Accuracy accuracy) {
    object.put(name, accuracy == null ? null : accuracy.mean());
    boolean known = accuracy != null && Double.isFinite(accuracy.standardError());
    object.put(name + "_stderr", known ? accuracy.standardError() : null);
  }

  /** Returns the mean accuracy over tasks, or nothing if there are none. */
  public static OptionalDouble mean(Collection<TaskFigures> tasks) {
    return tasks.stream().mapToDouble(task -> task.accuracy().mean()).average();
  }

  /** Reads what {@link #toJson} wrote. */
  public static TaskFigures of(JsonNode object) {
    return new TaskFigures(
        object.path("documents").asInt(),
        accuracy(object, "accuracy"),
        accuracy(object, "accuracy_norm"));
  }

  private static Accuracy accuracy(JsonNode object, String name) {
    JsonNode error = object.path(name + "_stderr");
    return object.path(name).isNumber()
        ? new Accuracy(
            object.path(name).asDouble(), error.isNumber() ? error.asDouble() : Double.NaN)
        : null;
  }
}
