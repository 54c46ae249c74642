package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * All rows, from {@code rows.json}: each group has a row for every combination of its parameters,
 * named after the group and those parameters that have more than one value.
 */
record Plan(Settings settings, List<Row> rows) {
  /**
   * Reads the file.
   *
   * @param quick whether tiny sizes do
   */
  static Plan read(Path file, boolean quick) {
    return of(Json.read(file), quick);
  }

  static Plan of(JsonNode root, boolean quick) {
    String scale = quick ? "quick" : "full";
    Settings settings = Settings.of(root.required("settings").required(scale));
    List<Row> rows = new ArrayList<>();
    for (JsonNode node : root.required("groups")) {
      int pairs = quick ? settings.pairs() : node.path("pairs").asInt(settings.pairs());
      rows.addAll(rows(group(node, pairs), node.required("parameters").required(scale)));
    }
    return new Plan(settings, List.copyOf(rows));
  }

  private static Group group(JsonNode node, int pairs) {
    return new Group(
        node.required("group").asText(),
        node.required("work").asText(),
        node.required("beside").asText(),
        Score.valueOf(node.required("score").asText().toUpperCase(Locale.ROOT)),
        node.required("floor").doubleValue(),
        node.required("goal").doubleValue(),
        pairs);
  }

  private static List<Row> rows(Group group, JsonNode parameters) {
    List<Row> rows = List.of(new Row(group, group.name(), Map.of()));
    for (Map.Entry<String, JsonNode> parameter : parameters.properties()) {
      List<Row> longer = new ArrayList<>();
      for (Row row : rows) {
        for (JsonNode value : parameter.getValue()) {
          boolean named = parameter.getValue().size() > 1;
          longer.add(with(row, parameter.getKey(), value.asText(), named));
        }
      }
      rows = longer;
    }
    return rows;
  }

  private static Row with(Row row, String parameter, String value, boolean named) {
    Map<String, String> parameters = new LinkedHashMap<>(row.parameters());
    parameters.put(parameter, value);
    return new Row(row.group(), named ? row.name() + "-" + value : row.name(), parameters);
  }

  /**
   * Returns the rows that are called or whose names start with what is given, all if nothing is.
   *
   * @throws IllegalArgumentException if a name matches nothing
   */
  List<Row> chosen(List<String> names) {
    Set<Row> chosen = new HashSet<>();
    names.forEach(name -> chosen.addAll(matching(name)));
    return rows.stream().filter(row -> names.isEmpty() || chosen.contains(row)).toList();
  }

  /** A name that a row has stands for that row alone, though others may begin with it. */
  private List<Row> matching(String name) {
    List<Row> starting = rows.stream().filter(row -> row.name().startsWith(name)).toList();
    List<Row> equal = starting.stream().filter(row -> row.name().equals(name)).toList();
    if (starting.isEmpty()) {
      throw new IllegalArgumentException("no row's name starts with " + name);
    }
    return equal.isEmpty() ? starting : equal;
  }

  /**
   * Returns the row of a name.
   *
   * @throws IllegalArgumentException if there is none
   */
  Row row(String name) {
    return rows.stream()
        .filter(row -> row.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no row is called " + name));
  }
}
