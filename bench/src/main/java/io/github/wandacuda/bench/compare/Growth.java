package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Spread;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;

/**
 * The same work at several sizes. Its time is what a gibibyte more takes: the slope of the line
 * that fits the sizes' seconds best; what that line says of nothing at all is kept apart.
 */
final class Growth implements Work {
  private final List<Size> sizes;
  private final List<List<Double>> seconds = new ArrayList<>();
  private final List<Double> starts = new ArrayList<>();

  /**
   * A size.
   *
   * @param gibibytes of data
   * @param work does it once and returns its seconds
   */
  record Size(double gibibytes, DoubleSupplier work) {}

  Growth(List<Size> sizes) {
    this.sizes = List.copyOf(sizes);
    sizes.forEach(size -> seconds.add(new ArrayList<>()));
  }

  @Override
  public double seconds(int times) {
    double sum = 0;
    for (int i = 0; i < times; i++) {
      sum += slope();
    }
    return sum;
  }

  private double slope() {
    double[] y = new double[sizes.size()];
    for (int i = 0; i < y.length; i++) {
      y[i] = sizes.get(i).work().getAsDouble();
      seconds.get(i).add(y[i]);
    }
    double meanX = sizes.stream().mapToDouble(Size::gibibytes).average().orElseThrow();
    double meanY = Arrays.stream(y).average().orElseThrow();
    double products = 0;
    double squares = 0;
    for (int i = 0; i < y.length; i++) {
      double x = sizes.get(i).gibibytes() - meanX;
      products += x * (y[i] - meanY);
      squares += x * x;
    }
    double slope = products / squares;
    starts.add(meanY - slope * meanX);
    return slope;
  }

  /** Returns the medians by size and of what the line says of nothing, without the warm-up. */
  Map<String, Object> facts(String side) {
    Map<String, Object> bySize = new LinkedHashMap<>();
    for (int i = 0; i < sizes.size(); i++) {
      bySize.put(Double.toString(sizes.get(i).gibibytes()), median(seconds.get(i)));
    }
    return Map.of(side + "_seconds", bySize, side + "_start_seconds", median(starts));
  }

  private static double median(List<Double> values) {
    return Spread.of(values.stream().skip(1).mapToDouble(Double::doubleValue).toArray()).median();
  }
}
