package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class GramFactorTest {
  @AutoClose private static final Workers WORKERS = new Workers(2);

  private static float at(GramFactor factor, int row, int column) {
    return factor.column(column)[row];
  }

  @Test
  void theFactorThatWasWorkedOutByHand() {
    double[][] upper = {
      {.362932, -.003313, .080081, -.327659},
      {0, .490023, -.241962, -.243958},
      {0, 0, .45362, -.204149},
      {0, 0, 0, .300015}
    };
    GramFactor factor = GramFactor.of(LayerCase.gram(LayerCase.TOKENS, 1), WORKERS).orElseThrow();
    assertThat(factor.dampening()).isEqualTo(.01);
    // The diagonal's mean of 11 is brought to 2.75, so U is twice as large.
    for (int j = 0; j < 4; j++) {
      for (int i = 0; i <= j; i++) {
        assertThat(at(factor, i, j)).isCloseTo((float) (2 * upper[i][j]), within(2e-6f));
      }
    }
  }

  @Test
  void aPowerOfFourChangesNoBit() {
    double[][] inputs = LayerCase.tokens(150, 90, 1);
    GramFactor factor = GramFactor.of(LayerCase.gram(inputs, 1), WORKERS).orElseThrow();
    GramFactor small = GramFactor.of(LayerCase.gram(inputs, 0x1p-80), WORKERS).orElseThrow();
    GramFactor large = GramFactor.of(LayerCase.gram(inputs, 0x1p80), WORKERS).orElseThrow();
    for (int j = 0; j < 90; j++) {
      assertThat(small.column(j)).isEqualTo(factor.column(j));
      assertThat(large.column(j)).isEqualTo(factor.column(j));
    }
  }

  @Test
  void theFactorTurnsTheDampenedMatrixIntoTheUnitMatrix() {
    int columns = 131;
    Gram gram = LayerCase.gram(LayerCase.tokens(400, columns, 2), 1);
    GramFactor factor = GramFactor.of(gram, WORKERS).orElseThrow();
    double damp = .01 * LayerCase.meanDiagonal(gram);
    double scale = Math.scalb(1, -2 * (Math.getExponent(LayerCase.meanDiagonal(gram)) / 2));
    double worst = 0;
    for (int i = 0; i < columns; i++) {
      for (int j = 0; j < columns; j++) {
        // U H U^T, of which H is the inverse of U^T U
        double sum = 0;
        for (int k = i; k < columns; k++) {
          for (int l = j; l < columns; l++) {
            double h = gram.get(k, l) + (k == l ? damp : 0);
            sum += at(factor, i, k) * scale * h * at(factor, j, l);
          }
        }
        worst = Math.max(worst, Math.abs(sum - (i == j ? 1 : 0)));
      }
    }
    assertThat(worst).isLessThan(1e-5);
  }

  @Test
  void fewTokensAreDampenedEnough() {
    Gram gram = LayerCase.gram(LayerCase.tokens(3, 100, 3), 1);
    assertThat(GramFactor.of(gram, WORKERS).orElseThrow().dampening()).isEqualTo(.01);
  }

  @Test
  void dampeningIsRaisedAsFarAsNeeded() {
    // Eigenvalues 1 - o and 1 + o.
    assertThat(dampening(1.005f)).isEqualTo(.01);
    assertThat(dampening(1.05f)).isEqualTo(.1);
    assertThat(dampening(1.5f)).isEqualTo(1);
    assertThat(dampening(5)).isEqualTo(10);
    assertThat(GramFactor.of(pair(20), WORKERS)).isEmpty();
  }

  private static double dampening(float other) {
    return GramFactor.of(pair(other), WORKERS).orElseThrow().dampening();
  }

  private static Gram pair(float other) {
    return new Gram(2, MemorySegment.ofArray(new float[] {1, other, 1}));
  }

  @Test
  void numbersThatAreNotFiniteGiveNothing() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int at = 0; at < 6; at++) {
        float[] triangle = {1, 0, 0, 1, 0, 1};
        triangle[at] = bad;
        assertThat(GramFactor.of(new Gram(3, MemorySegment.ofArray(triangle)), WORKERS))
            .as("%s at %d", bad, at)
            .isEmpty();
      }
    }
  }

  @Test
  void aDeadColumnCountsAsOne() {
    Gram gram = new Gram(3, MemorySegment.ofArray(new float[] {4, 0, 0, 0, 0, 4}));
    GramFactor factor = GramFactor.of(gram, WORKERS).orElseThrow();
    assertThat(factor.isDead(0)).isFalse();
    assertThat(factor.isDead(1)).isTrue();
    // The mean of 4, 1 and 4 is 3, which is near enough 1 as it is.
    assertThat(at(factor, 0, 0)).isEqualTo((float) (1 / Math.sqrt(4.03)));
    assertThat(at(factor, 1, 1)).isEqualTo((float) (1 / Math.sqrt(1.03)));
    assertThat(factor.column(1)).startsWith(0f);
  }

  @Test
  void noColumnsAtAll() {
    Gram gram = new Gram(0, MemorySegment.ofArray(new float[0]));
    assertThat(GramFactor.of(gram, WORKERS).orElseThrow().columns()).isZero();
  }
}
