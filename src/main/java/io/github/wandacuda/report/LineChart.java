package io.github.wandacuda.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/**
 * Curves over a common axis, as SVG with a legend. Curves differ in colour and in the shape of
 * their points, and each point shows its value when it is pointed at.
 *
 * @param title what is shown
 * @param x what the horizontal axis counts
 * @param y what the vertical axis measures
 * @param places the marks of the horizontal axis, from left to right, at rising positions
 * @param series the curves
 * @param logarithmic whether the vertical axis is; values that aren't above 0 are left out then
 */
record LineChart(
    String title,
    String x,
    String y,
    List<Place> places,
    List<Series> series,
    boolean logarithmic) {
  /** Values count as level if they differ by at most this share of the largest. */
  private static final double LEVEL = 0.01;

  /** The colours that the page has. */
  private static final int COLOURS = 8;

  private static final int WIDTH = 480;
  private static final int HEIGHT = 300;
  private static final int LEFT = 62;
  private static final int RIGHT = 14;
  private static final int TOP = 14;
  private static final int BOTTOM = 44;

  /**
   * The distance of the first place from the vertical axis, and of the last one from the right end.
   */
  private static final double MARGIN = 14;

  /** Marks of the horizontal axis that have room for a text. */
  private static final int MOST_TEXTS = 9;

  /** Curves with more values have no points, which would touch each other. */
  private static final int MOST_POINTS = 40;

  /**
   * A mark of the horizontal axis.
   *
   * @param text what stands below it
   * @param position where it is, in the axis's numbers
   */
  record Place(String text, double position) {}

  /**
   * A curve.
   *
   * @param name for the legend
   * @param values one for each place, NaN for none
   * @param positions where each value is, in the axis's numbers; empty if the values are at the
   *     places
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  record Series(String name, double[] values, double[] positions) {
    /** Creates a curve whose values are at the places. */
    Series(String name, double... values) {
      this(name, values, new double[0]);
    }

    /**
     * Returns a level curve, to compare others with.
     *
     * @param places how many places the chart has
     */
    static Series level(String name, double value, int places) {
      double[] values = new double[places];
      Arrays.fill(values, value);
      return new Series(name, values);
    }
  }

  /** Returns whether there is no value to draw. */
  boolean isEmpty() {
    return values().findAny().isEmpty();
  }

  /** Returns whether all values are so close that a chart shows nothing but level lines. */
  boolean isFlat() {
    double least = values().min().orElse(0);
    double most = values().max().orElse(0);
    return values().count() > 1 && most - least <= LEVEL * Math.abs(most);
  }

  private DoubleStream values() {
    return series.stream()
        .flatMapToDouble(each -> DoubleStream.of(each.values()))
        .filter(value -> Double.isFinite(value) && (!logarithmic || value > 0));
  }

  /** Returns the chart as a figure. */
  String html() {
    Scale scale = Scale.of(values().toArray(), logarithmic);
    StringBuilder svg = new StringBuilder();
    svg.append("<figure><figcaption>%s</figcaption>".formatted(HtmlText.escaped(title)))
        .append("<svg viewBox=\"0 0 %d %d\" role=\"img\">".formatted(WIDTH, HEIGHT))
        .append("<title>%s</title>".formatted(HtmlText.escaped(title)));
    for (double tick : scale.ticks()) {
      horizontal(svg, scale, tick);
    }
    int step = Math.ceilDiv(places.size(), MOST_TEXTS);
    for (int place = 0; place < places.size(); place += step) {
      text(
          svg,
          across(places.get(place).position()),
          HEIGHT - BOTTOM + 18,
          "middle",
          places.get(place).text());
    }
    text(svg, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6, "middle", x);
    svg.append(
        "<text transform=\"translate(14 %s) rotate(-90)\" text-anchor=\"middle\">%s</text>"
            .formatted(at((TOP + HEIGHT - BOTTOM) / 2.0), HtmlText.escaped(y)));
    for (int index = 0; index < series.size(); index++) {
      curve(svg, scale, index);
    }
    return svg.append("</svg>").append(legend()).append("</figure>").toString();
  }

  /**
   * Returns the values of a chart with a single place as a figure: a bar from 0 for each curve,
   * with the number beside it.
   */
  String bars() {
    double most =
        series.stream()
            .mapToDouble(each -> each.values()[0])
            .filter(Double::isFinite)
            .max()
            .orElse(1);
    StringBuilder html =
        new StringBuilder(
            "<figure><figcaption>%s: %s</figcaption><table class=\"bars\"><tbody>\n"
                .formatted(HtmlText.escaped(title), HtmlText.escaped(places.getFirst().text())));
    for (Series each : series) {
      double value = each.values()[0];
      html.append(
          """
          <tr><th scope="row">%s</th><td class="bar" style="background-size: %.2f%% 1.1rem"></td><td>%s</td></tr>
          """
              .formatted(
                  HtmlText.escaped(each.name()),
                  Double.isFinite(value) && most > 0 ? 100 * Math.max(0, value) / most : 0,
                  Double.isFinite(value) ? "%.4g".formatted(value) : HtmlText.NOT_MEASURED));
    }
    return html.append("</tbody></table></figure>").toString();
  }

  private void horizontal(StringBuilder svg, Scale scale, double tick) {
    double height = up(scale, tick);
    svg.append(
        "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%s\" y2=\"%s\"/>"
            .formatted(LEFT, WIDTH - RIGHT, at(height), at(height)));
    text(svg, LEFT - 6, height + 4, "end", Scale.text(tick));
  }

  private static void text(StringBuilder svg, double x, double y, String anchor, String text) {
    svg.append(
        "<text x=\"%s\" y=\"%s\" text-anchor=\"%s\">%s</text>"
            .formatted(at(x), at(y), anchor, HtmlText.escaped(text)));
  }

  private void curve(StringBuilder svg, Scale scale, int index) {
    double[] values = series.get(index).values();
    StringBuilder path = new StringBuilder();
    List<String> points = new ArrayList<>();
    boolean down = false;
    for (int place = 0; place < values.length; place++) {
      boolean there = Double.isFinite(values[place]) && (!logarithmic || values[place] > 0);
      if (there) {
        String to = at(across(position(index, place))) + " " + at(up(scale, values[place]));
        path.append(down ? "L" : "M").append(to);
        points.add(point(index, place, to));
      }
      down = there;
    }
    svg.append("<path class=\"curve %s\" d=\"%s\"/>".formatted(colour(index), path));
    if (places.size() <= MOST_POINTS) {
      points.forEach(svg::append);
    }
  }

  private String point(int index, int place, String at) {
    return "<g transform=\"translate(%s)\">%s<title>%s, %s: %s</title></g>"
        .formatted(
            at,
            shape(index),
            HtmlText.escaped(series.get(index).name()),
            HtmlText.escaped(places.get(place).text()),
            Scale.text(series.get(index).values()[place]));
  }

  private static String shape(int index) {
    String fill = "class=\"point %s\"".formatted(colour(index));
    return switch (index % 4) {
      case 0 -> "<circle r=\"4\" %s/>".formatted(fill);
      case 1 -> "<rect x=\"-3.5\" y=\"-3.5\" width=\"7\" height=\"7\" %s/>".formatted(fill);
      case 2 -> "<path d=\"M0-5L5 4H-5Z\" %s/>".formatted(fill);
      default -> "<path d=\"M0-5L5 0L0 5L-5 0Z\" %s/>".formatted(fill);
    };
  }

  private static String colour(int index) {
    return "c" + index % COLOURS;
  }

  private String legend() {
    StringBuilder list = new StringBuilder("<ul class=\"legend\">");
    for (int index = 0; index < series.size(); index++) {
      list.append(
          "<li><svg viewBox=\"-7 -7 14 14\" aria-hidden=\"true\">%s</svg>%s</li>"
              .formatted(shape(index), HtmlText.escaped(series.get(index).name())));
    }
    return list.append("</ul>").toString();
  }

  /** Returns where a curve's value is, in the axis's numbers. */
  private double position(int index, int place) {
    double[] own = series.get(index).positions();
    return own.length == 0 ? places.get(place).position() : own[place];
  }

  /** Returns the horizontal coordinate of a position; a little room is left at both ends. */
  private double across(double position) {
    double first = places.getFirst().position();
    double last = places.getLast().position();
    for (Series each : series) {
      for (double own : each.positions()) {
        first = Math.min(first, own);
        last = Math.max(last, own);
      }
    }
    double share = last == first ? 0.5 : (position - first) / (last - first);
    return LEFT + MARGIN + share * (WIDTH - RIGHT - LEFT - 2 * MARGIN);
  }

  private static double up(Scale scale, double value) {
    return HEIGHT - BOTTOM - scale.share(value) * (HEIGHT - BOTTOM - TOP);
  }

  private static String at(double coordinate) {
    return String.format(Locale.ROOT, "%.1f", coordinate).replace(".0", "");
  }
}
