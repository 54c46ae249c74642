package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Markdown;
import io.github.wandacuda.bench.common.Spread;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Results for people: a table of all rows, and a short one with the worst row of each group. */
final class Tables {
  private static final List<String> VERSIONS = List.of("pytorch", "openblas");

  private final Plan plan;
  private final Results results;
  private final Scores scores;

  Tables(Plan plan, Results results) {
    this.plan = plan;
    this.results = results;
    scores = new Scores(plan, results);
  }

  /** Returns a table with a line for each row that has a result. */
  String all() {
    Markdown table =
        new Markdown("work", "at", "beside", "ours", "beside's", "score", "floor", "goal", "holds");
    for (Row row : plan.rows()) {
      results.of(row).ifPresent(result -> add(table, row, result));
    }
    return machines() + table;
  }

  private void add(Markdown table, Row row, JsonNode result) {
    Group group = row.group();
    if (!result.has("ours")) {
      table.missing(List.of(group.work(), row.label()), reason(result));
      return;
    }
    Spread score = scores.of(row).orElseThrow();
    table.row(
        group.work(),
        row.label(),
        group.beside(),
        value(result, "ours"),
        value(result, "beside"),
        Markdown.number(score.median()) + spread(score),
        bound(group, group.floor()),
        bound(group, group.goal()),
        holds(group, score.median()));
  }

  private static String reason(JsonNode result) {
    return result.has("failed")
        ? "**failed**: " + result.path("failed").asText()
        : result.path("not_run").asText();
  }

  /** Returns a table with a line for each group: its worst row. */
  String worst() {
    Markdown table =
        new Markdown("work", "beside", "ours", "beside's", "score", "floor", "goal", "holds");
    groups().forEach((group, rows) -> addWorst(table, group, rows));
    return machines() + table;
  }

  private void addWorst(Markdown table, Group group, List<Row> rows) {
    scores
        .worst(rows)
        .ifPresentOrElse(
            row -> {
              JsonNode result = results.of(row).orElseThrow();
              Spread score = scores.of(row).orElseThrow();
              table.row(
                  group.work() + which(row, rows),
                  group.beside(),
                  value(result, "ours"),
                  value(result, "beside"),
                  Markdown.number(score.median()) + spread(score),
                  bound(group, group.floor()),
                  bound(group, group.goal()),
                  holds(group, score.median()));
            },
            () -> table.missing(List.of(group.work(), group.beside()), whyNone(rows)));
  }

  /** Says which row of a group it is, and how many of the others there is nothing to say about. */
  private String which(Row row, List<Row> rows) {
    if (rows.size() == 1) {
      return "";
    }
    long measured = rows.stream().filter(other -> scores.of(other).isPresent()).count();
    String missing =
        measured < rows.size() ? " (%d not measured)".formatted(rows.size() - measured) : "";
    return ", worst of %d%s: %s".formatted(measured, missing, row.label());
  }

  private String whyNone(List<Row> rows) {
    return rows.stream()
        .flatMap(row -> results.of(row).stream())
        .map(Tables::reason)
        .findFirst()
        .orElse("not measured yet");
  }

  private Map<Group, List<Row>> groups() {
    Map<Group, List<Row>> groups = new LinkedHashMap<>();
    for (Row row : plan.rows()) {
      groups.computeIfAbsent(row.group(), group -> new ArrayList<>()).add(row);
    }
    return groups;
  }

  private static String value(JsonNode result, String side) {
    JsonNode median = result.path(side).path("median");
    return median.isMissingNode()
        ? ""
        : Markdown.number(median) + " " + result.path("unit").asText();
  }

  private static String spread(Spread score) {
    return score.least() == score.most()
        ? ""
        : " (%s to %s)".formatted(Markdown.number(score.least()), Markdown.number(score.most()));
  }

  private static String bound(Group group, double bound) {
    return (group.score().moreIsBetter() ? "≥ " : "≤ ") + Markdown.number(bound);
  }

  private static String holds(Group group, double score) {
    if (group.score().reaches(score, group.goal())) {
      return "goal";
    }
    return group.score().reaches(score, group.floor()) ? "floor" : "**no**";
  }

  /** Says on what was measured and when; rows may come from several days. */
  private String machines() {
    Map<String, Set<String>> facts = new LinkedHashMap<>();
    for (Row row : plan.rows()) {
      results.of(row).ifPresent(result -> collect(result, facts));
    }
    StringBuilder text = new StringBuilder();
    facts.forEach((name, values) -> text.append(line(name, values)));
    return text.isEmpty() ? "" : text.append('\n').toString();
  }

  private static void collect(JsonNode result, Map<String, Set<String>> facts) {
    result
        .path("machine")
        .properties()
        .forEach(fact -> put(facts, fact.getKey(), fact.getValue().asText()));
    for (String version : VERSIONS) {
      if (result.has(version)) {
        put(facts, version, result.get(version).asText());
      }
    }
    facts.computeIfAbsent("measured", name -> new TreeSet<>()).add(result.path("date").asText());
  }

  private static void put(Map<String, Set<String>> facts, String name, String value) {
    facts.computeIfAbsent(name, any -> new LinkedHashSet<>()).add(value);
  }

  private static String line(String name, Set<String> values) {
    return "- %s: %s\n".formatted(name, String.join("; ", values));
  }
}
