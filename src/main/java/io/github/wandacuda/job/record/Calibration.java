package io.github.wandacuda.job.record;

import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.Imatrix;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.system.BackgroundWork;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The source of a run's input norms. */
public sealed interface Calibration {
  /** Returns the norms that are known before anything runs, by module. */
  default Map<String, float[]> norms() {
    return Map.of();
  }

  /** No norms: the method scores by magnitude alone. */
  record None() implements Calibration {}

  /**
   * Norms from a file that {@code calibrate} or an earlier run wrote.
   *
   * @param file its path
   * @param statistics its content
   * @param sha256 computes the SHA-256 of its bytes, in hexadecimal
   */
  record FromStatistics(Path file, Statistics statistics, Supplier<String> sha256)
      implements Calibration {
    @Override
    public Map<String, float[]> norms() {
      return statistics.norms();
    }

    /**
     * Reads a file of this program's statistics, or of llama.cpp's imatrix tool, by its ending.
     *
     * @throws io.github.wandacuda.error.InputException if it is neither
     */
    public static FromStatistics read(Path file) {
      Statistics statistics = Imatrix.isNamed(file) ? Imatrix.read(file) : Statistics.read(file);
      // It isn't needed before the run has a plan, which takes as long to make.
      return new FromStatistics(
          file,
          statistics,
          BackgroundWork.begin(
              "wanda-cuda-digest", () -> SourceDigest.ofFiles("statistics", List.of(file), "")));
    }
  }

  /**
   * Norms from samples that run through the model while it is pruned block by block.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param sha256 the SHA-256 of the token ids as little-endian 32-bit integers, in hexadecimal
   * @param seed with which they were drawn
   * @param joined whether they were drawn from documents that were joined
   */
  record FromSamples(List<int[]> samples, String sha256, long seed, boolean joined)
      implements Calibration, Serializable {
    public FromSamples {
      samples = List.copyOf(samples);
    }

    /** Takes samples, and how they were drawn. */
    public static FromSamples of(CalibrationSamples samples, long seed) {
      return new FromSamples(List.of(samples.tokens()), samples.sha256(), seed, samples.joined());
    }

    /** Returns the number of tokens of each sample. */
    public int sequenceLength() {
      return samples.get(0).length;
    }
  }
}
