package io.github.wandacuda.report;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The norms of a module's input columns in a few numbers.
 *
 * @param least the least one
 * @param median the middle one, or the lower of the two
 * @param mean their mean
 * @param most the largest one
 * @param outliers the columns whose norm is more than ten times the median, the largest first
 */
record NormSummary(float least, float median, double mean, float most, List<Integer> outliers) {
  /**
   * Large models have a few columns of inputs far beyond the others (arXiv 2306.11695, section 2).
   */
  private static final float OUTLIER = 10;

  static NormSummary of(float[] norms) {
    if (norms.length == 0) {
      return new NormSummary(0, 0, 0, 0, List.of());
    }
    float[] sorted = norms.clone();
    Arrays.sort(sorted);
    float median = sorted[(sorted.length - 1) / 2];
    double sum = 0;
    for (float norm : norms) {
      sum += norm;
    }
    return new NormSummary(
        sorted[0], median, sum / norms.length, sorted[sorted.length - 1], outliers(norms, median));
  }

  private static List<Integer> outliers(float[] norms, float median) {
    return IntStream.range(0, norms.length)
        .filter(column -> median > 0 && norms[column] > OUTLIER * median)
        .boxed()
        .sorted((a, b) -> Float.compare(norms[b], norms[a]))
        .toList();
  }

  Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("least", least);
    object.put("median", median);
    object.put("mean", mean);
    object.put("most", most);
    object.put("outliers", outliers);
    return object;
  }
}
