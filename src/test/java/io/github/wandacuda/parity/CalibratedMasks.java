package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Pruning;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The masks of a calibrated run by Wanda at 50 %.
 *
 * @param masks packed masks by the module's place in the order of the digest
 * @param bits of all of them together
 */
record CalibratedMasks(Map<Integer, byte[]> masks, long bits) {
  /** Prunes a model, whose output goes to a new directory. */
  static CalibratedMasks of(Backend backend, Path model, Path output, List<int[]> tokens) {
    PruneRequest request =
        Pruning.request(output, Method.WANDA, Pruning.HALF, Pruning.samples(tokens), false, false);
    Map<Integer, byte[]> masks = new ConcurrentHashMap<>();
    try (ModelDirectory opened = ModelDirectory.open(model)) {
      PruneJob job = PruneJob.toOutput(opened, request);
      long bits = job.chosen().stream().mapToLong(LinearModule::elements).sum();
      job.run(
          backend,
          Progress.NONE,
          (index, mask) -> masks.put(index, mask.toArray(ValueLayout.JAVA_BYTE)),
          result -> {});
      return new CalibratedMasks(masks, bits);
    }
  }

  /** Returns the share of bits that are others', from 0 to 1. */
  double differing(CalibratedMasks others) {
    long different = 0;
    for (Map.Entry<Integer, byte[]> mask : masks.entrySet()) {
      byte[] other = others.masks.get(mask.getKey());
      for (int at = 0; at < other.length; at++) {
        different += Integer.bitCount((mask.getValue()[at] ^ other[at]) & 0xff);
      }
    }
    return (double) different / bits;
  }
}
