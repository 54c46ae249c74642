package io.github.wandacuda.select;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.selection.GoldenSelection;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.SelectOracle;
import io.github.wandacuda.testing.selection.Values;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** All scores at or below a threshold. */
@EachBackend
class SelectThresholdTest extends SelectionCases {
  SelectThresholdTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void aScoreAtTheThresholdGoes() {
    float above = Math.nextUp(0.5f);
    float[] weights = {0.5f, -0.5f, above, -above, 0.25f};
    select(weights, null, new AtMost(0.5f));
    assertThat(weights).containsExactly(0, 0, above, -above, 0);
  }

  @Test
  void aNormChangesWhatGoes() {
    float[] weights = {1, 1, -1, 1};
    select(weights, new float[] {1, 2, 0.5f, 0}, new AtMost(0.5f));
    assertThat(weights).containsExactly(1, 1, 0, 0);
  }

  @Test
  void aMatrixWithoutElementsHasNothingToPrune() {
    checkWithoutElements(new AtMost(1));
  }

  @ParameterizedTest
  @ValueSource(floats = {0, -0.0f, -1, Float.MIN_VALUE, 1e-40f, 0.25f, 0.01f, 1, Float.MAX_VALUE})
  void everyThresholdAgrees(float threshold) {
    for (DType dtype : DType.values()) {
      for (int columns : new int[] {1, 31, 70, 2049}) {
        checkAllValues(random, dtype, 2, columns, new AtMost(threshold));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyWidthAgrees(DType dtype) {
    for (int columns = 1; columns <= 300; columns += columns < 70 ? 1 : 23) {
      Values values = Values.values()[columns % Values.values().length];
      Norms norms = Norms.values()[columns % Norms.values().length];
      check(random, dtype, values, norms, 4, columns, new AtMost(0.01f));
    }
  }

  /** Wherever in a row it is. */
  @ParameterizedTest
  @EnumSource
  void theThresholdMayBeAnElementsScore(DType dtype) {
    int[][] bits = Values.GAUSSIAN.matrix(random, dtype, 2, 5000);
    float[] norms = Norms.LOGNORMAL.vector(random, 5000);
    for (int column : new int[] {0, 77, 4095, 4999}) {
      float threshold = SelectOracle.threshold(dtype, bits[1], norms, column);
      check(dtype, bits, norms, new AtMost(threshold));
      check(dtype, bits, norms, new AtMost(Math.nextDown(threshold)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyLayoutAgrees(DType dtype) {
    for (int columns : new int[] {1, 63, 64, 65, 300}) {
      checkAllLayouts(random, dtype, 5, columns, new AtMost(0.5f));
    }
  }

  @ParameterizedTest
  @EnumSource
  void equalElementsGoTogether(DType dtype) {
    for (float value : new float[] {0, -0.0f, -1.5f, 0x1p-24f}) {
      int[][] bits = filled(3, 257, Values.bits(dtype, value));
      float magnitude = Math.abs(value);
      for (float threshold : new float[] {Math.nextDown(magnitude), magnitude, 2}) {
        check(dtype, bits, null, new AtMost(threshold));
      }
    }
  }

  @Test
  void manyRowsAgree() {
    check(random, DType.BF16, Values.GAUSSIAN, Norms.LOGNORMAL, 3000, 40, new AtMost(0.02f));
  }

  @ParameterizedTest
  @EnumSource
  void anElementThatIsNotFiniteIsNamed(DType dtype) {
    for (float threshold : new float[] {-1, 0.01f, Float.MAX_VALUE}) {
      checkNonFinite(dtype, 120, new AtMost(threshold));
    }
  }

  @Test
  void theMasksOfTheLittleLlamaAreThoseOfMagnitudes() {
    new GoldenSelection(selector()).magnitudesOfTinyLlama();
  }
}
