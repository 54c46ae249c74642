package io.github.wandacuda.bench.common;

import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** A table being written, and how its numbers look. */
public final class Markdown {
  private final List<String> lines = new ArrayList<>();
  private final int columns;

  public Markdown(String... titles) {
    columns = titles.length;
    row(titles);
    lines.add("|" + " --- |".repeat(columns));
  }

  public Markdown row(String... cells) {
    if (cells.length != columns) {
      throw new IllegalArgumentException(
          "%d cells in a table of %d columns".formatted(cells.length, columns));
    }
    List<String> escaped = new ArrayList<>();
    for (String cell : cells) {
      escaped.add(cell.replace("|", "\\|").replace("\n", " "));
    }
    lines.add("| " + String.join(" | ", escaped) + " |");
    return this;
  }

  /** Adds a row that has one cell to say in place of its values. */
  public Markdown missing(List<String> labels, String why) {
    return said(labels, "not run: " + why);
  }

  /** Adds a row that says something in place of its values. */
  public Markdown said(List<String> labels, String what) {
    List<String> cells = new ArrayList<>(labels);
    cells.add(what);
    cells.addAll(Collections.nCopies(columns - cells.size(), ""));
    return row(cells.toArray(String[]::new));
  }

  @Override
  public String toString() {
    return String.join("\n", lines) + "\n";
  }

  /** Returns a number with three digits that count, or nothing where there is none. */
  public static String number(JsonNode value) {
    return value.isNumber() ? number(value.doubleValue()) : "";
  }

  public static String number(double value) {
    double size = Math.abs(value);
    int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Returns a median with its least and most. */
  public static String spread(JsonNode spread) {
    return spread.isMissingNode()
        ? ""
        : "%s (%s to %s)"
            .formatted(
                number(spread.path("median")),
                number(spread.path("min")),
                number(spread.path("max")));
  }

  /** Returns a ratio as a percentage. */
  public static String percent(JsonNode ratio) {
    return ratio.isNumber() ? percent(ratio.doubleValue()) : "";
  }

  public static String percent(double ratio) {
    return String.format(Locale.ROOT, "%.0f %%", 100 * ratio);
  }
}
