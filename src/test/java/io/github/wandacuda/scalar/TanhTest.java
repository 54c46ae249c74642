package io.github.wandacuda.scalar;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Thorough;
import org.junit.jupiter.api.Test;

class TanhTest {
  /** Every 101st float. */
  @Test
  @Thorough
  void isOffByLittleMoreThanAUnit() {
    double worst = 0;
    int end = Float.floatToRawIntBits(12f);
    for (int bits = 0; bits <= end; bits += 101) {
      float x = Float.intBitsToFloat(bits);
      double expected = Math.tanh(x);
      double error = Math.abs(Tanh.of(x) - expected) / Math.ulp((float) expected);
      worst = Math.max(worst, error);
      assertThat(Tanh.of(-x)).isEqualTo(-Tanh.of(x));
    }
    assertThat(worst).isLessThanOrEqualTo(1.4);
  }

  @Test
  void endsAreExact() {
    assertThat(Tanh.of(0f)).isEqualTo(0f);
    assertThat(Tanh.of(-0f)).isEqualTo(-0f);
    assertThat(Tanh.of(Float.MAX_VALUE)).isEqualTo(1f);
    assertThat(Tanh.of(Float.NEGATIVE_INFINITY)).isEqualTo(-1f);
    assertThat(Tanh.of(Float.NaN)).isNaN();
  }
}
