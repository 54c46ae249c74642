package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Norms are copied and checked when a criterion is made. */
class CriterionTest {
  private static Criterion.Wanda wanda(float... norms) {
    return (Criterion.Wanda) Criterion.wanda(norms);
  }

  @Test
  void normsAreCopiedInAndOut() {
    float[] norms = {1, 2};
    Criterion.Wanda criterion = wanda(norms);
    norms[0] = 5;
    criterion.norms()[1] = 7;
    assertThat(criterion.norms()).containsExactly(1, 2);
    assertThat(criterion.columns()).isEqualTo(2);
  }

  @Test
  void allZeroMeansThatThereAreNormsAndAllAreZero() {
    assertThat(wanda(0, -0f).isAllZero()).isTrue();
    assertThat(wanda(0, Float.MIN_VALUE).isAllZero()).isFalse();
    assertThat(wanda().isAllZero()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(floats = {-1, -Float.MIN_VALUE, Float.POSITIVE_INFINITY, Float.NaN})
  void otherNumbersAreNamedByTheirColumn(float norm) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Criterion.wanda(new float[] {1, 1, norm}))
        .withMessage(
            "norms: expected finite numbers of at least 0, found %s for column 2".formatted(norm));
    assertThatNullPointerException().isThrownBy(() -> Criterion.wanda(null)).withMessage("norms");
  }
}
