package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Spread;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;

/** Tells from a row's result what its floor and goal are about. */
final class Scores {
  private final Plan plan;
  private final Results results;

  Scores(Plan plan, Results results) {
    this.plan = plan;
    this.results = results;
  }

  /** Returns a row's score with its spread, or nothing where nothing was measured. */
  Optional<Spread> of(Row row) {
    Optional<JsonNode> result = results.of(row).filter(node -> node.has("ours"));
    return result.map(
        node ->
            switch (row.group().score()) {
              case RATIO -> spread(node.path("ratio"));
              case SLOWDOWN -> inverse(spread(node.path("ratio")));
              case VALUE -> spread(node.path("ours"));
            });
  }

  private static Spread spread(JsonNode node) {
    return new Spread(
        node.required("median").doubleValue(),
        node.required("min").doubleValue(),
        node.required("max").doubleValue());
  }

  private static Spread inverse(Spread ratio) {
    return new Spread(1 / ratio.median(), 1 / ratio.most(), 1 / ratio.least());
  }

  /** Returns the measured row of a group that is furthest from its goal, or nothing. */
  Optional<Row> worst(List<Row> group) {
    return group.stream()
        .filter(row -> of(row).isPresent())
        .reduce((a, b) -> isWorse(b, a) ? b : a);
  }

  private boolean isWorse(Row row, Row other) {
    double score = of(row).orElseThrow().median();
    double otherScore = of(other).orElseThrow().median();
    return row.group().score().moreIsBetter() ? score < otherScore : score > otherScore;
  }
}
