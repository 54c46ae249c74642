package io.github.wandacuda.report;

import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.report.LineChart.Place;
import io.github.wandacuda.report.LineChart.Series;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A chart of what was measured of modules, from block to block: a curve for each kind of module. If
 * a block has several of a kind, such as experts, the curve shows their mean. Modules outside
 * numbered blocks aren't shown.
 */
final class BlockChart {
  private static final Pattern NUMBER = Pattern.compile("\\d+");
  private static final double LEVEL = 0.01;

  private final SortedSet<Integer> blocks = new TreeSet<>();
  private final Map<String, Map<Integer, List<Double>>> curves = new LinkedHashMap<>();

  /** Adds a module's value to the curve of its kind. */
  void addModule(String module, double value) {
    LinearModules.withinBlock(module).ifPresent(within -> add(kind(within), module, value));
  }

  /** Returns a module's name within its block without the numbers of experts. */
  private static String kind(String withinBlock) {
    return Arrays.stream(withinBlock.split("\\."))
        .map(part -> NUMBER.matcher(part).matches() ? "*" : part)
        .collect(Collectors.joining("."));
  }

  /** Adds a module's value to a curve; nothing if the module's name has no block. */
  void add(String curve, String module, double value) {
    LinearModules.block(module).ifPresent(block -> add(curve, block, value));
  }

  /** Adds a value to a curve; several of a block are averaged. */
  void add(String curve, int block, double value) {
    blocks.add(block);
    curves
        .computeIfAbsent(curve, any -> new LinkedHashMap<>())
        .computeIfAbsent(block, any -> new ArrayList<>())
        .add(value);
  }

  /**
   * Returns whether each curve is level to within a hundredth: then the chart says nothing about
   * blocks.
   */
  boolean isLevel() {
    return curves.values().stream()
        .map(blocks -> blocks.values().stream().mapToDouble(BlockChart::mean).summaryStatistics())
        .allMatch(curve -> curve.getMax() - curve.getMin() <= LEVEL * Math.abs(curve.getMax()));
  }

  /**
   * Returns the chart as a figure.
   *
   * @param title in plain text
   * @param y what the vertical axis measures
   * @param logarithmic whether the vertical axis is
   * @return an empty text if no block has a value or all have about the same
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
    return chart.isEmpty() || chart.isFlat() ? "" : chart.html();
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(value -> value).average().orElse(Double.NaN);
  }
}
