package io.github.wandacuda.select;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.selection.Select;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What no selector takes. */
@EachBackend
class SelectionArgumentsTest extends SelectionCases {
  private static final SelectionRule ONE = new LowestPerRow(1);

  SelectionArgumentsTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void aPlanIsForOneTypeAndWidth() {
    try (SelectionPlan plan = selector().prepare(DType.F16, 3, null, ONE)) {
      for (WeightMatrix other : List.of(matrix(DType.BF16, 2, 3), matrix(DType.F16, 2, 2))) {
        assertThatThrownBy(() -> plan.select(other, other, null))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("the plan is for 3 columns of F16, the source has ");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, -1.0f})
  void aNormThatIsNoNormIsRefused(float norm) {
    WeightMatrix matrix = matrix(DType.F32, 2, 3);
    assertThatThrownBy(
            () -> Select.once(selector(), matrix, new float[] {1, norm, 1}, ONE, matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("norm 1 is " + norm);
  }

  @Test
  void normsMustBeAsManyAsColumns() {
    WeightMatrix matrix = matrix(DType.F32, 2, 3);
    assertThatThrownBy(() -> Select.once(selector(), matrix, new float[2], ONE, matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("2 norms for 3 columns");
  }

  @Test
  void theDestinationMustBeOfTheSameShapeAndType() {
    WeightMatrix matrix = matrix(DType.F16, 2, 3);
    for (WeightMatrix other :
        List.of(matrix(DType.BF16, 2, 3), matrix(DType.F16, 3, 3), matrix(DType.F16, 2, 2))) {
      assertThatThrownBy(() -> Select.once(selector(), matrix, null, ONE, other, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("source is 2 x 3 F16, destination ");
    }
  }

  @Test
  void theMaskMustHaveRoom() {
    WeightMatrix matrix = matrix(DType.F32, 3, 9);
    MemorySegment mask = MemorySegment.ofArray(new byte[5]);
    assertThatThrownBy(() -> Select.once(selector(), matrix, null, ONE, matrix, mask))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the mask needs 6 bytes, its memory has 5");
  }

  @Test
  void aRuleMustFitTheColumns() {
    WeightMatrix matrix = matrix(DType.F32, 2, 6);
    assertThatThrownBy(
            () -> Select.once(selector(), matrix, null, new LowestPerRow(7), matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("7 of a row's 6 columns can't be pruned");
    assertThatThrownBy(
            () -> Select.once(selector(), matrix, null, new LowestPerGroup(2, 4), matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("6 columns are no multiple of the pattern's 4");
  }

  @Test
  void countsMustHaveAllBins() {
    WeightMatrix matrix = matrix(DType.F32, 1, 1);
    assertThatThrownBy(() -> selector().countMagnitudes(matrix, OptionalInt.empty(), new long[7]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("7 counts for 32768 bins");
    assertThatThrownBy(() -> selector().countMagnitudes(matrix, OptionalInt.of(0), new long[7]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("7 counts for 65536 bins");
    assertThatThrownBy(
            () ->
                selector()
                    .countMagnitudes(
                        matrix, OptionalInt.of(1 << 15), new long[Selector.LOWER_BINS]))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
