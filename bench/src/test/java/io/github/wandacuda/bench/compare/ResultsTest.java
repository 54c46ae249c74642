package io.github.wandacuda.bench.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.bench.common.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultsTest {
  @TempDir Path directory;

  private static void put(Results results, String row, String value) {
    results.put(Json.tree(Map.of("row", row, "failed", value)));
  }

  @Test
  void newResultsReplaceThoseOfTheirRowsAlone() {
    Plan plan = Plan.read(Options.rows(), false);
    Path file = directory.resolve("cpu.json");
    Results first = Results.read(file);
    put(first, "start-up", "old");
    put(first, "norms-read", "old");
    put(first, "of the past", "old");
    first.write(file, plan);
    Results second = Results.read(file);
    put(second, "start-up", "new");
    second.write(file, plan);

    Results read = Results.read(file);
    assertEquals("new", read.of(plan.row("start-up")).orElseThrow().path("failed").asText());
    assertEquals("old", read.of(plan.row("norms-read")).orElseThrow().path("failed").asText());
    assertEquals(2, Json.read(file).path("rows").size());
    assertEquals("norms-read", Json.read(file).path("rows").get(0).path("row").asText());
  }

  @Test
  void quickRunsKeepTheirResultsToThemselves() {
    Options quick = Options.parse("--quick", "select", "norms");
    assertTrue(quick.quick());
    assertFalse(quick.results().startsWith("bench/results"));
    assertEquals(List.of("select", "norms"), quick.names());
    assertEquals(Path.of("x"), Options.parse("--results", "x").results());
  }

  @Test
  void unknownOptionsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Options.parse("--slow"));
    assertThrows(IllegalArgumentException.class, () -> Options.parse("--disk"));
  }
}
