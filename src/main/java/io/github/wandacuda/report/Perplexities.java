package io.github.wandacuda.report;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A model's perplexity on a text.
 *
 * @param before it was pruned
 * @param after it
 */
public record Perplexities(double before, double after) {
  /** Returns the object that JSON has. */
  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("before", before);
    object.put("after", after);
    return object;
  }
}
