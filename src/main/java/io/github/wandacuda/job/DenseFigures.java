package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.evaluate.TaskFigures;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The dense model that others are compared with.
 *
 * @param perplexity on the text
 * @param tasks by name, in the order that was asked for
 */
public record DenseFigures(double perplexity, Map<String, TaskFigures> tasks) {
  private static final String PERPLEXITY = "perplexity";
  static final String TASKS = "tasks";

  /** Copies the map. */
  public DenseFigures {
    tasks = Collections.unmodifiableMap(new LinkedHashMap<>(tasks));
  }

  /** Returns the object that JSON has. */
  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put(PERPLEXITY, perplexity);
    object.put(TASKS, toJson(tasks));
    return object;
  }

  /** Reads what {@link #toJson()} wrote. */
  public static DenseFigures of(JsonNode object) {
    return new DenseFigures(object.path(PERPLEXITY).asDouble(), tasksOf(object));
  }

  static Map<String, Object> toJson(Map<String, TaskFigures> tasks) {
    Map<String, Object> object = new LinkedHashMap<>();
    tasks.forEach((name, figures) -> object.put(name, figures.toJson()));
    return object;
  }

  static Map<String, TaskFigures> tasksOf(JsonNode object) {
    Map<String, TaskFigures> tasks = new LinkedHashMap<>();
    object
        .path(TASKS)
        .properties()
        .forEach(entry -> tasks.put(entry.getKey(), TaskFigures.of(entry.getValue())));
    return tasks;
  }
}
