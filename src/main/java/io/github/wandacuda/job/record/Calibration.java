package io.github.wandacuda.job.record;

import io.github.wandacuda.calibrate.statistics.Statistics;
import java.nio.file.Path;
import java.util.List;

/** Where the input norms of a run come from. */
public sealed interface Calibration {

  /** From nowhere: the method scores by magnitude alone. */
  record None() implements Calibration {}

  /**
   * From a file that {@code calibrate} or an earlier run wrote.
   *
   * @param file it, for messages
   * @param statistics its content
   * @param sha256 of its bytes, in hexadecimal
   */
  record FromStatistics(Path file, Statistics statistics, String sha256) implements Calibration {}

  /**
   * From samples that run through the model while it is pruned block by block.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param sha256 of the token ids as little-endian 32-bit integers, in hexadecimal
   * @param seed of the draw
   */
  record FromSamples(List<int[]> samples, String sha256, long seed) implements Calibration {
    /** Copies the list. */
    public FromSamples {
      samples = List.copyOf(samples);
    }

    /** Returns the tokens of a sample. */
    public int sequenceLength() {
      return samples.get(0).length;
    }
  }
}
