package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Spread;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What was measured.
 *
 * @param unit of {@code ours} and {@code beside}
 * @param ours our side
 * @param beside the other, or null where there is none
 * @param ratio our speed over the other's in each pair, or null
 * @param count pairs, or runs where there is no other side
 * @param facts what else is to be known
 */
record Outcome(
    Unit unit, Spread ours, Spread beside, Spread ratio, int count, Map<String, Object> facts) {

  static Outcome alone(Unit unit, double... values) {
    return new Outcome(unit, Spread.of(values), null, null, values.length, Map.of());
  }

  Outcome with(Map<String, Object> more) {
    Map<String, Object> all = new LinkedHashMap<>(facts);
    all.putAll(more);
    return new Outcome(unit, ours, beside, ratio, count, all);
  }

  Map<String, Object> map() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("unit", unit.label());
    map.put("ours", ours.map());
    if (ratio != null) {
      map.put("beside", beside.map());
      map.put("ratio", ratio.map());
    }
    map.put("count", count);
    map.putAll(facts);
    return map;
  }
}
