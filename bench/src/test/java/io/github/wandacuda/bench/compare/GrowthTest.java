package io.github.wandacuda.bench.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;

class GrowthTest {
  /** Returns seconds one after the other; the first are those of the warm-up. */
  private static DoubleSupplier seconds(double... values) {
    int[] next = {0};
    return () -> values[next[0]++];
  }

  @Test
  void timesOnALineGiveItsSlopeAndWhereItBegins() {
    Growth growth =
        new Growth(
            List.of(
                new Growth.Size(1, seconds(90, 5, 5)),
                new Growth.Size(4, seconds(9, 11, 14)),
                new Growth.Size(16, seconds(9, 35, 50))));
    growth.seconds(1);
    assertEquals(2, growth.seconds(1), 1e-9);
    assertEquals(3, growth.seconds(1), 1e-9);
    Map<String, Object> facts = growth.facts("ours");
    assertEquals(2.5, (double) facts.get("ours_start_seconds"), 1e-9);
    assertEquals(Map.of("1.0", 5.0, "4.0", 12.5, "16.0", 42.5), facts.get("ours_seconds"));
  }

  @Test
  void ofTimesThatLieBesideALineTheNearestIsTaken() {
    Growth growth =
        new Growth(
            List.of(
                new Growth.Size(1, seconds(2)),
                new Growth.Size(2, seconds(2)),
                new Growth.Size(3, seconds(5))));
    assertEquals(1.5, growth.seconds(1), 1e-9);
  }
}
