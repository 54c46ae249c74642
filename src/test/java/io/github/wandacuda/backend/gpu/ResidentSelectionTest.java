package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A weight of the forward pass that is pruned on the device, beside its rows in host memory. */
@Tag("gpu")
@Tag("pretend")
class ResidentSelectionTest {
  private static final int ROWS = 9;
  private static final int FIRST = 2;
  private static final int SOME = 5;

  private final Samples samples = new Samples(11);

  @ParameterizedTest
  @EnumSource
  void deviceAndHostArePrunedAlike(DType dtype) {
    try (Backend backend = PretendedCuda.open(80)) {
      for (Samples.Layout layout : Samples.Layout.values()) {
        for (int columns : new int[] {1, 7, 8, 33, 70, 128}) {
          check(backend, samples.weight(dtype, ROWS, columns, layout));
        }
      }
    }
  }

  private static void check(Backend backend, WeightMatrix matrix) {
    int columns = matrix.columns();
    long maskBytes = SOME * Selector.maskRowBytes(columns);
    MemorySegment mask = Arena.ofAuto().allocate(maskBytes);
    MemorySegment expectedMask = Arena.ofAuto().allocate(maskBytes);
    MemorySegment memory =
        Arena.ofAuto().allocate((long) SOME * columns * matrix.dtype().bytes(), 64);
    WeightMatrix expected = WeightMatrix.of(memory, matrix.dtype(), SOME, columns);
    try (Weight weight = backend.operations().weight(matrix);
        SelectionPlan plan =
            backend
                .selector()
                .prepare(matrix.dtype(), columns, null, new LowestPerRow(columns / 2))) {
      Selection whole = plan.select(matrix.rows(FIRST, SOME), expected, expectedMask);
      ResidentMatrix resident = backend.resident(weight).orElseThrow();
      WeightMatrix rows = matrix.rows(FIRST, SOME);
      assertThat(plan.select(resident, FIRST, rows, mask)).isEqualTo(whole);
      assertThat(mask.mismatch(expectedMask)).isEqualTo(-1);
      float[] onDevice = values(backend.operations(), weight);
      for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < columns; column++) {
          boolean pruned = row >= FIRST && row < FIRST + SOME;
          float value = pruned ? expected.get(row - FIRST, column) : matrix.get(row, column);
          assertThat(bits(matrix.get(row, column))).isEqualTo(bits(value));
          assertThat(bits(onDevice[column * ROWS + row])).isEqualTo(bits(value));
        }
      }
    }
  }

  private static int bits(float value) {
    return Float.floatToRawIntBits(value + 0.0f);
  }

  /** Multiplies by one column after the other: [columns, rows]. */
  private static float[] values(Operations operations, Weight weight) {
    float[] units = new float[weight.columns() * weight.columns()];
    for (int column = 0; column < weight.columns(); column++) {
      units[column * weight.columns() + column] = 1;
    }
    try (Tensor x = operations.tensor(weight.columns(), weight.columns());
        Tensor out = operations.tensor(weight.columns(), weight.rows())) {
      operations.upload(MemorySegment.ofArray(units), x);
      operations.linear(x, weight, null, out);
      float[] values = new float[weight.columns() * weight.rows()];
      operations.download(out, MemorySegment.ofArray(values));
      return values;
    }
  }

  @Test
  void aWeightWithoutRoomIsNotResident() {
    try (Backend backend = PretendedCuda.open(80, Precision.DEFAULT, 1 << 16);
        Weight weight =
            backend.operations().weight(samples.weight(DType.F32, 300, 100, Samples.Layout.ROWS))) {
      assertThat(backend.resident(weight)).isEmpty();
    }
  }
}
