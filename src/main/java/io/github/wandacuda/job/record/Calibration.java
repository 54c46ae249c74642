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

  /** Norms from a file that {@code calibrate} or an earlier run wrote, with its SHA-256 in hex. */
  record FromStatistics(Path file, Statistics statistics, Supplier<String> sha256)
      implements Calibration {
    @Override
    public Map<String, float[]> norms() {
      return statistics.norms();
    }

    /** Reads this program's statistics, or those of llama.cpp's imatrix tool by their ending. */
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
   */
  record FromSamples(List<int[]> samples, String sha256, long seed, boolean joined)
      implements Calibration, Serializable {
    public FromSamples {
      samples = List.copyOf(samples);
    }

    /** Takes samples with how they were drawn. */
    public static FromSamples of(CalibrationSamples samples, long seed) {
      return new FromSamples(List.of(samples.tokens()), samples.sha256(), seed, samples.joined());
    }

    public int sequenceLength() {
      return samples.get(0).length;
    }
  }
}
