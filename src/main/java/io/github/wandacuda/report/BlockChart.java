package io.github.wandacuda.report;

import io.github.wandacuda.report.LineChart.Place;
import io.github.wandacuda.report.LineChart.Series;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A chart of what modules measure from block to block: a curve for each kind of module. Where a
 * block has several of a kind, as experts are, the curve shows their mean. Modules outside numbered
 * blocks aren't shown.
 */
final class BlockChart {
  /** The first number in a name is the block's; further ones are those of experts. */
  private static final Pattern BLOCK = Pattern.compile("^.*?\\.(\\d{1,9})\\.(.+)$");

  private static final Pattern NUMBER = Pattern.compile("(?<=\\.)\\d+(?=\\.)");

  private final SortedSet<Integer> blocks = new TreeSet<>();
  private final Map<String, Map<Integer, List<Double>>> curves = new LinkedHashMap<>();

  /** Adds a module's value to the curve of its kind. */
  void addModule(String module, double value) {
    Matcher matcher = BLOCK.matcher(module);
    if (matcher.matches()) {
      String kind = NUMBER.matcher("." + matcher.group(2)).replaceAll("*").substring(1);
      add(kind, Integer.parseInt(matcher.group(1)), value);
    }
  }

  /** Adds a module's value to a curve. */
  void add(String curve, String module, double value) {
    Matcher matcher = BLOCK.matcher(module);
    if (matcher.matches()) {
      add(curve, Integer.parseInt(matcher.group(1)), value);
    }
  }

  private void add(String curve, int block, double value) {
    blocks.add(block);
    curves
        .computeIfAbsent(curve, any -> new LinkedHashMap<>())
        .computeIfAbsent(block, any -> new ArrayList<>())
        .add(value);
  }

  /**
   * Returns the figure, or nothing if no block has a value.
   *
   * @param y what the values measure
   */
  String html(String title, String y, boolean logarithmic) {
    List<Integer> order = List.copyOf(blocks);
    List<Series> series = new ArrayList<>();
    curves.forEach(
        (curve, values) -> {
          double[] means = new double[order.size()];
          Arrays.setAll(means, index -> mean(values.getOrDefault(order.get(index), List.of())));
          series.add(new Series(curve, means));
        });
    List<Place> places =
        order.stream().map(block -> new Place(String.valueOf(block), block)).toList();
    LineChart chart = new LineChart(title, "block", y, places, series, logarithmic);
    return chart.isEmpty() ? "" : chart.html();
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(value -> value).average().orElse(Double.NaN);
  }
}
