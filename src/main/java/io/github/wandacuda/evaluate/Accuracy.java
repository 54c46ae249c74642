package io.github.wandacuda.evaluate;

import java.util.List;

/**
 * How often the right answer was chosen.
 *
 * @param mean the share, from 0 to 1
 * @param standardError the sample's standard deviation divided by the root of the number of
 *     documents; NaN for a single one
 */
public record Accuracy(double mean, double standardError) {
  /**
   * Returns the accuracy of documents.
   *
   * @param right whether each was answered rightly; at least one
   */
  static Accuracy of(List<Boolean> right) {
    int count = right.size();
    double mean = right.stream().filter(Boolean::booleanValue).count() / (double) count;
    double squares = right.stream().mapToDouble(one -> Math.pow((one ? 1 : 0) - mean, 2)).sum();
    return new Accuracy(mean, Math.sqrt(squares / (count - 1)) / Math.sqrt(count));
  }
}
