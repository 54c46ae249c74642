package io.github.wandacuda.bench.compare;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.bench.common.Spread;
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
              case DEVIATION -> deviation(spread(node.path("ratio")), groupRatio(row.group()));
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

  /** Sizes are compared by their medians; the spread of one is that of its ratio. */
  private static Spread deviation(Spread ratio, double middle) {
    double deviation = Math.abs(ratio.median() / middle - 1);
    return Spread.of(deviation);
  }

  private double groupRatio(Group group) {
    return Spread.of(
            plan.rows().stream()
                .filter(row -> row.group().equals(group))
                .flatMap(row -> results.of(row).stream())
                .filter(node -> node.has("ratio"))
                .mapToDouble(node -> node.path("ratio").path("median").doubleValue())
                .toArray())
        .median();
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
