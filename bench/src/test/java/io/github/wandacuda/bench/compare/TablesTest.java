package io.github.wandacuda.bench.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.bench.common.Spread;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TablesTest {
  private final List<Row> rows = new ArrayList<>();
  private final Results results = new Results();

  private static Group group(Score score, double floor, double goal) {
    return new Group("group", "work", "other", score, floor, goal, 3);
  }

  private Row row(Group group, String size) {
    Row row = new Row(group, group.name() + "-" + size, Map.of("size", size));
    rows.add(row);
    return row;
  }

  private void measured(Row row, double ours, double... ratios) {
    Outcome outcome =
        new Outcome(
            Unit.BYTES, Spread.of(ours), Spread.of(2), Spread.of(ratios), ratios.length, Map.of());
    put(row, outcome.map());
  }

  private void put(Row row, Map<String, Object> values) {
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.put("row", row.name());
    all.put("date", "2026-01-02");
    all.put("machine", Map.of("cpu", "A processor"));
    JsonNode node = Json.tree(all);
    results.put(node);
  }

  private Tables tables() {
    return new Tables(new Plan(new Settings(1, 0, 0, 0, 0), rows), results);
  }

  private static String line(String table, int index) {
    return table.lines().filter(line -> line.startsWith("|")).toList().get(index + 2);
  }

  @Test
  void aRowSaysWhatItReached() {
    Group group = group(Score.RATIO, 0.4, 0.6);
    measured(row(group, "s"), 1, 0.3, 0.45, 0.5);
    measured(row(group, "m"), 1, 0.7);
    measured(row(group, "l"), 1, 0.39);
    String table = tables().all();
    assertEquals(
        "| work | s | other | 1.00 GB/s | 2.00 GB/s | 0.450 (0.300 to 0.500) | ≥ 0.400 | ≥ 0.600 |"
            + " floor |",
        line(table, 0));
    assertTrue(line(table, 1).endsWith(" goal |"));
    assertTrue(line(table, 2).endsWith(" **no** |"));
  }

  @Test
  void theShortTableHasTheWorstRow() {
    Group group = group(Score.RATIO, 0.4, 0.6);
    measured(row(group, "s"), 1, 0.5);
    measured(row(group, "m"), 1, 0.2);
    row(group, "l");
    assertTrue(
        line(tables().worst(), 0).startsWith("| work, worst of 2 (1 not measured): m | other |"));
  }

  @Test
  void slowdownsAreWorseTheLargerTheyAre() {
    Group group = group(Score.SLOWDOWN, 2, 1.5);
    measured(row(group, "s"), 1, 0.4, 0.5, 0.8);
    measured(row(group, "m"), 1, 1);
    String line = line(tables().worst(), 0);
    assertTrue(line.contains("worst of 2: s"), line);
    assertTrue(line.contains("| 2.00 (1.25 to 2.50) | ≤ 2.00 | ≤ 1.50 | floor |"), line);
  }

  @Test
  void valuesAloneAreScores() {
    Group group = group(Score.VALUE, 10, 5);
    put(row(group, "s"), Outcome.alone(Unit.MEBIBYTES, 4, 6, 8).map());
    assertTrue(
        line(tables().all(), 0)
            .endsWith("| 6.00 MiB |  | 6.00 (4.00 to 8.00) | ≤ 10.0 | ≤ 5.00 | floor |"));
  }

  @Test
  void whatWasNotMeasuredSaysWhy() {
    Group group = group(Score.RATIO, 0.4, 0.6);
    put(row(group, "s"), Map.of("not_run", "no PyTorch"));
    put(row(group, "m"), Map.of("failed", "other masks"));
    String table = tables().all();
    assertTrue(line(table, 0).contains("not run: no PyTorch"), table);
    assertTrue(line(table, 1).contains("**failed**: other masks"), table);
    assertTrue(line(tables().worst(), 0).contains("no PyTorch"));
  }

  @Test
  void machineAndDateStandAboveTheTable() {
    measured(row(group(Score.RATIO, 0.4, 0.6), "s"), 1, 0.5);
    assertTrue(tables().worst().startsWith("- cpu: A processor\n- measured: 2026-01-02\n\n|"));
  }
}
