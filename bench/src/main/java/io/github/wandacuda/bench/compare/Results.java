package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The latest result of each row, kept in a file, so that rows can be measured one by one. */
final class Results {
  private static final String ROWS = "rows";

  private final Map<String, JsonNode> byRow = new LinkedHashMap<>();

  /** Reads a file, if it is there. */
  static Results read(Path file) {
    Results results = new Results();
    if (Files.exists(file)) {
      Json.read(file).path(ROWS).forEach(results::put);
    }
    return results;
  }

  void put(JsonNode result) {
    byRow.put(result.required("row").asText(), result);
  }

  Optional<JsonNode> of(Row row) {
    return Optional.ofNullable(byRow.get(row.name()));
  }

  /** Writes the results of a plan's rows, in its order; others are of the past. */
  void write(Path file, Plan plan) {
    List<JsonNode> rows = plan.rows().stream().map(this::of).flatMap(Optional::stream).toList();
    Json.write(file, Map.of(ROWS, rows));
  }
}
