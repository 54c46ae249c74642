package io.github.wandacuda.report;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A model's perplexity on a text, and what it writes.
 *
 * @param before it was pruned
 * @param after it
 * @param sample what it makes of the text's beginning, where that was asked for and can be had
 */
public record Perplexities(double before, double after, Optional<Sample> sample) {

  /**
   * What both models make of the beginning of a text, each token the most probable one.
   *
   * @param prompt the beginning
   * @param before what the dense model goes on with
   * @param after what the pruned one does
   */
  public record Sample(String prompt, String before, String after) {
    Map<String, Object> toJson() {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("prompt", prompt);
      object.put("before", before);
      object.put("after", after);
      return object;
    }
  }

  /** Returns the object that JSON has. */
  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("before", before);
    object.put("after", after);
    return object;
  }
}
