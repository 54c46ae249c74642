package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Products of 16-bit weights are as near to the sum in float64 as they have to be: in one pass with
 * activations that are rounded to F16, in two with as many bits again.
 */
@Tag("gpu")
class GpuParityCudaPrecisionTest {
  @ParameterizedTest
  @CsvSource({
    "F16, 5, 3, 17",
    "F16, 33, 130, 70",
    "F16, 70, 40, 130",
    "F16, 129, 136, 65",
    "F16, 65, 129, 300",
    "BF16, 5, 3, 17",
    "BF16, 33, 130, 70",
    "BF16, 129, 136, 65",
    "BF16, 65, 129, 300",
  })
  void productsAreNearTheirSum(DType dtype, int tokens, int features, int columns) {
    Samples samples = new Samples(features);
    WeightMatrix w = samples.weight(dtype, features, columns, Samples.Layout.PADDED_ROWS);
    agree(samples.tensor(tokens, columns), w, samples.tensor(1, features));
  }

  /** Tensor cores would cut them off beside a sum that has the large one. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void smallTermsBesideALargeOneCount(DType dtype) {
    int columns = 2048;
    CpuTensor x = CpuTensor.zeros(5, columns);
    Arrays.fill(x.data(), 0x1p-12f);
    MemorySegment weights = Arena.ofAuto().allocate(2L * columns, 64);
    for (int c = 0; c < columns; c++) {
      float value = c == 0 ? 1 : 0x1p-13f;
      int bits = Float.floatToRawIntBits(value) >>> 16;
      short half = dtype == DType.F16 ? Float.floatToFloat16(value) : (short) bits;
      weights.setAtIndex(ValueLayout.JAVA_SHORT, c, half);
    }
    for (int t = 0; t < x.rows(); t++) {
      x.data()[x.at(t)] = 1;
    }
    agree(x, WeightMatrix.of(weights, dtype, 1, columns), CpuTensor.zeros(1, 1));
  }

  /** What the rows were scaled by is beyond float32 one way and the other. */
  @Test
  void hugeActivationsMeetTinyWeights() {
    int columns = 70;
    Samples samples = new Samples(3);
    MemorySegment weights = Arena.ofAuto().allocate(2L * 9 * columns, 64);
    CpuTensor values = samples.tensor(9, columns, 0, 0x1p-120f);
    for (int c = 0; c < values.elements(); c++) {
      short half = (short) (Float.floatToRawIntBits(values.data()[c]) >>> 16);
      weights.setAtIndex(ValueLayout.JAVA_SHORT, c, half);
    }
    WeightMatrix w = WeightMatrix.of(weights, DType.BF16, 9, columns);
    agree(Precision.HIGH, samples.tensor(6, columns, 0, 0x1p120f), w, CpuTensor.zeros(1, 9));
  }

  private static void agree(CpuTensor x, WeightMatrix w, CpuTensor bias) {
    agree(Precision.FAST, x, w, bias);
    agree(Precision.HIGH, x, w, bias);
  }

  private static void agree(Precision precision, CpuTensor x, WeightMatrix w, CpuTensor bias) {
    CpuTensor taken = precision == Precision.FAST ? rounded(x) : x;
    try (OpenedBackend backend =
            new OpenedBackend(TestedBackend.CUDA, TestedBackend.openCuda(precision));
        Operands operands = new Operands(backend.operations().get(0))) {
      CpuTensor out = LinearTest.multiplied(operands, x, w, bias, 0);
      assertThat(LinearError.of(out, taken, w, bias))
          .as(precision.name())
          .isLessThanOrEqualTo(LinearError.bound(LinearError.ANY, precision, w.columns()));
    }
  }

  private static CpuTensor rounded(CpuTensor x) {
    CpuTensor rounded = Samples.copy(x);
    for (int i = 0; i < rounded.elements(); i++) {
      rounded.data()[i] = DType.F16.rounded(rounded.data()[i]);
    }
    return rounded;
  }
}
