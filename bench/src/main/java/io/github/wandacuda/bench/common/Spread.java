package io.github.wandacuda.bench.common;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Repetitions of one measurement, summed up. */
public record Spread(double median, double least, double most) {
  public static Spread of(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new Spread(median, sorted[0], sorted[sorted.length - 1]);
  }

  /** Returns the three as a row's value. */
  public Map<String, Object> map() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("median", median);
    map.put("min", least);
    map.put("max", most);
    return map;
  }
}
