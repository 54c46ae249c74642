package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ColumnThresholdsTest {
  private static final int INFINITY = 0x7f80_0000;
  private static final float[] NORMS = {
    0, Float.MIN_VALUE, 3e-39f, 1e-30f, 0.3f, 1, 1.1f, 7, 1e10f, 3e38f, Float.MAX_VALUE
  };

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void aThresholdIsTheLowestMagnitudeWhoseScoreReachesTheGivenOne(DType dtype) {
    SplittableRandom random = new SplittableRandom(1);
    float[] norms = new float[613];
    for (int c = 0; c < norms.length; c++) {
      norms[c] = c < NORMS.length ? NORMS[c] : (float) Math.exp(4 * random.nextGaussian());
    }
    ColumnThresholds thresholds = new ColumnThresholds(dtype, norms);
    short[] found = new short[640];
    for (int score : scores(random)) {
      thresholds.write(found, score);
      for (int c = 0; c < norms.length; c++) {
        int threshold = found[c];
        assertThat(threshold).as("%x in column %d", score, c).isBetween(0, infinity(dtype));
        if (threshold > 0) {
          assertThat(score(dtype, threshold - 1, norms[c])).isLessThan(score);
        }
        if (threshold < infinity(dtype)) {
          assertThat(score(dtype, threshold, norms[c])).isGreaterThanOrEqualTo(score);
        }
      }
      for (int c = norms.length; c < found.length; c++) {
        assertThat(found[c]).as("padding").isZero();
      }
    }
  }

  private static int[] scores(SplittableRandom random) {
    int[] special = {0, 1, 2, 0x007f_ffff, 0x0080_0000, 0x3f80_0000, INFINITY - 1, INFINITY};
    int[] scores = new int[200];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = i < special.length ? special[i] : random.nextInt(INFINITY);
    }
    return scores;
  }

  private static int infinity(DType dtype) {
    return dtype == DType.BF16 ? INFINITY >>> 16 : 0x7c00;
  }

  /** Returns the bits, which are in the numbers' order. */
  private static int score(DType dtype, int magnitude, float norm) {
    float value =
        dtype == DType.BF16
            ? Float.intBitsToFloat(magnitude << 16)
            : Float.float16ToFloat((short) magnitude);
    return Float.floatToRawIntBits(value * norm);
  }
}
