package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Computes the statistics of the dense model in one pass over the samples; nothing is pruned. */
public final class DenseCalibration {
  private DenseCalibration() {}

  /**
   * Runs all samples through all blocks.
   *
   * @param samples token ids, all lists of the same length
   */
  public static Statistics run(
      Decoder decoder, Operations operations, List<int[]> samples, Progress progress) {
    SortedMap<String, float[]> norms = norms(decoder, operations, samples, progress, null);
    return new Statistics(norms, samples.size(), samples.get(0).length);
  }

  /** Takes a block's second moments, which hold until it returns. */
  @FunctionalInterface
  interface Moments<E extends Exception> {
    void take(Map<String, Gram> grams) throws E;
  }

  /** Does what {@link #run} does; sums second moments too if {@code moments} takes them. */
  static <E extends Exception> SortedMap<String, float[]> norms(
      Decoder decoder,
      Operations operations,
      List<int[]> samples,
      Progress progress,
      Moments<E> moments)
      throws E {
    SortedMap<String, float[]> norms = new TreeMap<>();
    try (BlockwiseRun run = new BlockwiseRun(decoder, operations, samples)) {
      SampleProgress passing = new SampleProgress(progress, decoder.blocks(), 1);
      run.watchedBy(passing);
      passing.overBlocks(
          0,
          index -> {
            try (Block block = decoder.block(index);
                Arena memory = Arena.ofShared()) {
              decoder.readAhead(index + 1);
              BlockStatistics found = run.observeAndAdvance(block, moments == null ? null : memory);
              norms.putAll(found.norms());
              if (moments != null) {
                moments.take(found.grams());
              }
            }
          });
    }
    return norms;
  }
}
