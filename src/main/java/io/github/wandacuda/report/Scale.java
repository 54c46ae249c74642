package io.github.wandacuda.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * A chart's vertical axis.
 *
 * @param least the value at its lower end
 * @param most the value at its upper end
 * @param ticks the values of its marks, rising
 * @param logarithmic whether equal steps upwards multiply
 */
record Scale(double least, double most, List<Double> ticks, boolean logarithmic) {
  private static final int MOST_TICKS = 6;

  /** Steps between marks, in each power of ten. */
  private static final double[] STEPS = {1, 2, 5};

  /**
   * Chooses an axis for values. A plain one includes 0.
   *
   * @param values finite; all above 0 if the axis is logarithmic
   */
  static Scale of(double[] values, boolean logarithmic) {
    double least = Arrays.stream(values).min().orElse(1);
    double most = Arrays.stream(values).max().orElse(1);
    return logarithmic ? logarithmic(least, most) : plain(Math.min(0, least), most);
  }

  private static Scale plain(double least, double most) {
    double range = most > least ? most - least : 1;
    double step = step(range / (MOST_TICKS - 1));
    long first = Math.round(Math.floor(least / step));
    long last = Math.round(Math.ceil((least + range) / step));
    List<Double> ticks = new ArrayList<>();
    for (long tick = first; tick <= last; tick++) {
      ticks.add(tick * step);
    }
    return new Scale(first * step, last * step, ticks, false);
  }

  /** Returns the smallest step of 1, 2 or 5 times a power of ten that is at least a given one. */
  private static double step(double least) {
    double power = Math.pow(10, Math.floor(Math.log10(least)));
    for (double step : STEPS) {
      if (step * power >= least) {
        return step * power;
      }
    }
    return 10 * power;
  }

  private static Scale logarithmic(double least, double most) {
    List<Double> ticks = new ArrayList<>();
    int first = (int) Math.floor(Math.log10(least));
    int last = (int) Math.ceil(Math.log10(most));
    boolean few = last - first <= 2;
    for (int power = first; power <= last; power++) {
      for (double step : few ? STEPS : new double[] {1}) {
        ticks.add(Math.min(Double.MAX_VALUE, step * Math.pow(10, power)));
      }
    }
    double from =
        ticks.stream().filter(tick -> tick <= least).reduce((a, b) -> b).orElse(ticks.getFirst());
    double to =
        ticks.stream()
            .filter(tick -> tick >= most && tick > from)
            .findFirst()
            .orElse(Math.min(Double.MAX_VALUE, 10 * Math.pow(10, last)));
    List<Double> between = ticks.stream().filter(tick -> tick >= from && tick <= to).toList();
    int every = Math.ceilDiv(between.size(), 2 * MOST_TICKS);
    List<Double> shown = new ArrayList<>();
    for (int index = 0; index < between.size(); index += every) {
      shown.add(between.get(index));
    }
    return new Scale(from, to, shown, true);
  }

  /** Returns the height of a value on the axis, from 0 to 1. */
  double share(double value) {
    return logarithmic
        ? Math.log(value / least) / Math.log(most / least)
        : (value - least) / (most - least);
  }

  /** Returns a value in a few digits, for a mark. */
  static String text(double value) {
    String text =
        Math.abs(value) >= 1e6 || (value != 0 && Math.abs(value) < 1e-3)
            ? String.format(Locale.ROOT, "%.3g", value)
            : String.format(Locale.ROOT, "%.4f", value);
    return text.contains("e") || !text.contains(".")
        ? text
        : text.replaceFirst("0+$", "").replaceFirst("\\.$", "");
  }
}
