package io.github.wandacuda.bench.compare;

import io.github.wandacuda.jackson.databind.JsonNode;

/**
 * How long and how often things are timed.
 *
 * @param pairs of measurements, one of each side
 * @param batchSeconds that repetitions between two looks at the clock should take together
 * @param warmSeconds that a side runs before it counts
 * @param pauseSeconds between the sides, for the other one's threads to stop spinning
 * @param restSeconds instead of that where outputs in memory were removed, for the system to be
 *     done with what it does with freed memory
 */
record Settings(
    int pairs, double batchSeconds, double warmSeconds, double pauseSeconds, double restSeconds) {
  static Settings of(JsonNode node) {
    return new Settings(
        node.required("pairs").intValue(),
        node.required("batch_seconds").doubleValue(),
        node.required("warm_seconds").doubleValue(),
        node.required("pause_seconds").doubleValue(),
        node.required("rest_seconds").doubleValue());
  }

  Settings withPairs(int count) {
    return new Settings(count, batchSeconds, warmSeconds, pauseSeconds, restSeconds);
  }

  /** Returns these with rests for pauses. */
  Settings rested() {
    return new Settings(pairs, batchSeconds, warmSeconds, restSeconds, restSeconds);
  }
}
