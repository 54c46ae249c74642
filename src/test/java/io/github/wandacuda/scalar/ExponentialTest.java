package io.github.wandacuda.scalar;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.FirstCases;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExponentialTest {
  /** Every 101st float of a range of sizes, both ends included. */
  private static double worst(float from, float to, boolean negative) {
    double worst = 0;
    int end = Float.floatToRawIntBits(to);
    for (int bits = Float.floatToRawIntBits(from); bits <= end; bits += 101) {
      float size = Float.intBitsToFloat(bits);
      worst = Math.max(worst, error(negative ? -size : size));
    }
    return Math.max(worst, error(negative ? -to : to));
  }

  /** The distance to the double's result, in units of the float32 that is nearest to that. */
  private static double error(float x) {
    double expected = Math.exp(x);
    float found = Exponential.exp(x);
    float nearest = (float) expected;
    if (Float.isInfinite(nearest) || Float.isInfinite(found)) {
      return nearest == found ? 0 : Double.POSITIVE_INFINITY;
    }
    return Math.abs(found - expected) / Math.ulp(nearest);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1e-7, true, 0.51",
    "1e-7, 87, true, 1.02",
    "87, 110, true, 0.76",
    "0, 1e-7, false, 0.51",
    "1e-7, 110, false, 1.02",
  })
  @FirstCases(1)
  void isOffByLittleMoreThanAUnit(float from, float to, boolean negative, double bound) {
    assertThat(worst(from, to, negative)).isLessThanOrEqualTo(bound);
  }

  @Test
  void endsAreExact() {
    assertThat(Exponential.exp(0f)).isEqualTo(1f);
    assertThat(Exponential.exp(-0f)).isEqualTo(1f);
    assertThat(Exponential.exp(Float.NEGATIVE_INFINITY)).isEqualTo(0f);
    assertThat(Exponential.exp(-Float.MAX_VALUE)).isEqualTo(0f);
    assertThat(Exponential.exp(Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(Exponential.exp(Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(Exponential.exp(Float.NaN)).isNaN();
    assertThat(Exponential.exp(Float.intBitsToFloat(0xFFFFFFFF))).isNaN();
    assertThat(Exponential.exp(Float.intBitsToFloat(0x7F800001))).isNaN();
  }

  @Test
  void theSmallestResultsAreSubnormal() {
    assertThat(Exponential.exp(-88f)).isBetween(0x1p-127f, Float.MIN_NORMAL);
    assertThat(Exponential.exp(-103.9f)).isEqualTo(Float.MIN_VALUE);
    assertThat(Exponential.exp(-104f)).isEqualTo(0f);
  }
}
