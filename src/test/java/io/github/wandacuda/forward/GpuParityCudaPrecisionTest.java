package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products of 16-bit weights are those of the scalar code: in one pass with activations that are
 * rounded to the weights' type, in two with as many bits again.
 */
@Tag("gpu")
class GpuParityCudaPrecisionTest {
  /** Of the largest result: the rounding of float32 sums, which tensor cores cut off. */
  private static final double TOLERANCE = 3e-6;

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
  void productsAreThoseOfTheScalarCode(DType dtype, int tokens, int features, int columns) {
    Samples samples = new Samples(features);
    WeightMatrix w = samples.weight(dtype, features, columns, Samples.Layout.PADDED_ROWS);
    CpuTensor x = samples.tensor(tokens, columns);
    CpuTensor bias = samples.tensor(1, features);
    for (Precision precision : Precision.values()) {
      CpuTensor taken = rounded(x, dtype, precision.passes());
      try (OpenedBackend backend =
              new OpenedBackend(TestedBackend.CUDA, TestedBackend.openCuda(precision));
          Operands own = new Operands(backend.operations().get(0));
          Operands scalar = new Operands(backend.scalar())) {
        CpuTensor found = LinearTest.multiplied(own, x, w, bias, 0);
        CpuTensor expected = LinearTest.multiplied(scalar, taken, w, bias, 0);
        double largest = 0;
        for (float value : expected.data()) {
          largest = Math.max(largest, Math.abs(value));
        }
        assertThat(found.data())
            .as(precision.name())
            .containsExactly(expected.data(), offset((float) (TOLERANCE * largest)));
      }
    }
  }

  /**
   * Returns the sum of as many numbers of a type as there are passes, each what is left nearest.
   */
  private static CpuTensor rounded(CpuTensor x, DType dtype, int passes) {
    CpuTensor rounded = Samples.copy(x);
    for (int i = 0; i < rounded.elements(); i++) {
      float value = rounded.data()[i];
      float first = dtype.rounded(value);
      rounded.data()[i] = passes == 1 ? first : first + dtype.rounded(value - first);
    }
    return rounded;
  }
}
