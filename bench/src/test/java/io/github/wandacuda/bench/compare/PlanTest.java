package io.github.wandacuda.bench.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlanTest {
  private static Plan plan(boolean quick) {
    return Plan.read(Options.rows(), quick);
  }

  private static Set<String> groups(Plan plan) {
    return plan.rows().stream().map(row -> row.group().name()).collect(Collectors.toSet());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void rowsHaveNamesOfTheirOwnAndAreMeasured(boolean quick) {
    Plan plan = plan(quick);
    long names = plan.rows().stream().map(Row::name).distinct().count();
    assertEquals(plan.rows().size(), names);
    plan.rows().forEach(row -> assertNotNull(Measurements.of(row.group())));
  }

  @Test
  void goalsAreNotEasierThanFloors() {
    for (Row row : plan(false).rows()) {
      Group group = row.group();
      assertTrue(group.score().reaches(group.goal(), group.floor()), group.name());
    }
  }

  @Test
  void quickRunsGoThroughAllGroups() {
    assertEquals(groups(plan(false)), groups(plan(true)));
  }

  @Test
  void parametersWithOneValueAreNotInTheName() {
    Row row = plan(false).row("select-copy-F16-4096x11008");
    assertEquals("50%", row.get("amount"));
    assertEquals("4096x11008", row.get("shape"));
  }

  @Test
  void rowsAreChosenByTheStartsOfTheirNames() {
    Plan plan = plan(false);
    assertEquals(plan.rows(), plan.chosen(List.of()));
    assertEquals(4, plan.chosen(List.of("select-copy-BF16")).size());
    assertEquals(2, plan.chosen(List.of("start-up", "norms")).size());
    assertEquals(1, plan.chosen(List.of("memory-1")).size());
    assertThrows(IllegalArgumentException.class, () -> plan.chosen(List.of("start-up", "none")));
  }
}
