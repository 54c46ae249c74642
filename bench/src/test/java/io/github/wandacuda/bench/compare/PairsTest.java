package io.github.wandacuda.bench.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PairsTest {
  private final List<String> order = new ArrayList<>();

  /** Work whose runs take given seconds; the first one only warms up. */
  private Work work(String name, double... seconds) {
    int[] run = {0};
    return times -> {
      order.add(times == 1 ? name : name + times);
      return times * seconds[run[0]++];
    };
  }

  private static Pairs pairs(int count, double batchSeconds) {
    return new Pairs(new Settings(count, batchSeconds, 0, 0, 0));
  }

  @Test
  void aRestTakesThePlaceOfAPause() {
    Settings rested = new Settings(1, 2, 3, 4, 5).rested();
    assertEquals(new Settings(1, 2, 3, 5, 5), rested);
  }

  @Test
  void sidesTakeTurnsAndTheFirstOneChanges() {
    pairs(3, 0)
        .measure(
            Unit.SECONDS,
            new Pairs.Side(1, work("a", 1, 1, 1, 1)),
            new Pairs.Side(1, work("b", 1, 1, 1, 1)));
    assertEquals(List.of("a", "b", "a", "b", "b", "a", "a", "b"), order);
  }

  @Test
  void sidesThatAreWarmAreNotRunInVain() {
    pairs(1, 5)
        .warmed()
        .measure(Unit.SECONDS, new Pairs.Side(1, work("a", 1)), new Pairs.Side(1, work("b", 1)));
    assertEquals(List.of("a", "b"), order);
  }

  @Test
  void ratiosAreThoseOfThePairs() {
    Outcome outcome =
        pairs(3, 0)
            .measure(
                Unit.SECONDS,
                new Pairs.Side(1, work("a", 9, 2, 4, 1)),
                new Pairs.Side(1, work("b", 9, 1, 8, 3)));
    assertEquals(2, outcome.ours().median());
    assertEquals(3, outcome.beside().median());
    assertEquals(2, outcome.ratio().median());
    assertEquals(0.5, outcome.ratio().least());
    assertEquals(3, outcome.ratio().most());
  }

  @Test
  void differentAmountsAreComparedByTheirRates() {
    Outcome outcome =
        pairs(1, 0)
            .measure(
                Unit.FLOPS,
                new Pairs.Side(3e9, work("a", 1, 1)),
                new Pairs.Side(12e9, work("b", 1, 2)));
    assertEquals(3, outcome.ours().median());
    assertEquals(6, outcome.beside().median());
    assertEquals(0.5, outcome.ratio().median());
  }

  @Test
  void anExcessIsTheDifferenceOfEachPair() {
    Outcome outcome =
        pairs(3, 0)
            .measureExcess(
                new Pairs.Side(1, work("a", 9, 5e-6, 4e-6, 3e-6)),
                new Pairs.Side(1, work("b", 9, 1e-6, 2e-6, 2e-6)));
    assertEquals(Unit.MICROSECONDS, outcome.unit());
    assertEquals(2, outcome.ours().median(), 1e-9);
    assertEquals(1, outcome.ours().least(), 1e-9);
    assertEquals(4, outcome.ours().most(), 1e-9);
    assertEquals(2, (double) outcome.facts().get("beside_microseconds"), 1e-9);
  }

  @Test
  void shortWorkIsRepeatedUntilABatchIsFull() {
    Outcome outcome =
        pairs(1, 1)
            .measure(
                Unit.SECONDS,
                new Pairs.Side(1, work("a", 0.25, 0.25)),
                new Pairs.Side(1, work("b", 4, 4)));
    assertEquals(List.of("a", "b", "a4", "b"), order);
    assertEquals(0.25, outcome.ours().median());
  }
}
