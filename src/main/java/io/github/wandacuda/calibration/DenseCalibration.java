package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import java.util.List;
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
    SortedMap<String, float[]> norms = new TreeMap<>();
    try (BlockwiseRun run = new BlockwiseRun(decoder, operations, samples)) {
      SampleProgress passing = new SampleProgress(progress, decoder.blocks(), 1);
      run.watchedBy(passing);
      progress.begin(0);
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          passing.begin(index, 0, "sample");
          decoder.readAhead(index + 1);
          norms.putAll(run.observeAndAdvance(block));
        }
        progress.step("block", index + 1, decoder.blocks());
      }
    }
    return new Statistics(norms, samples.size(), samples.get(0).length);
  }
}
