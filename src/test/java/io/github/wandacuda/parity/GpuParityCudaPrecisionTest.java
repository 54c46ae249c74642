package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.Values;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products of F16 weights are those of the scalar code: in one pass with activations that are
 * rounded to F16, in two with all of their bits.
 */
@Tag("gpu")
class GpuParityCudaPrecisionTest {
  /** Of the largest result: the rounding of float32 sums, which tensor cores cut off. */
  private static final double TOLERANCE = 3e-6;

  @ParameterizedTest
  @CsvSource({"5, 3, 17", "33, 130, 70", "70, 40, 130", "129, 136, 65", "65, 129, 300"})
  void productsAreThoseOfTheScalarCode(int tokens, int features, int columns) {
    for (Precision precision : Precision.values()) {
      try (Backend backend = Gpu.CUDA.open(precision);
          BothOperations both = new BothOperations(backend.operations())) {
        agree(both, precision, new int[] {tokens, features, columns});
      }
    }
  }

  private static void agree(BothOperations both, Precision precision, int[] sizes) {
    int tokens = sizes[0];
    int features = sizes[1];
    int columns = sizes[2];
    float[] bias = both.normal(features, 1);
    float[] x = both.normal(tokens * columns, 1);
    float[] rounded = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      rounded[i] =
          precision == Precision.FAST ? Float.float16ToFloat(Float.floatToFloat16(x[i])) : x[i];
    }
    WeightMatrix w =
        PlacedMatrix.of(PlacedMatrix.Layout.WIDE_ROWS, DType.F16, features, columns)
            .filled(
                Values.GAUSSIAN.matrix(
                    new SplittableRandom(features), DType.F16, features, columns))
            .view();
    float[] found = multiplied(both.own(), x, w, bias);
    float[] expected = multiplied(both.scalar(), rounded, w, bias);
    double largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < found.length; i++) {
      assertThat((double) found[i])
          .as("%s, element %d", precision, i)
          .isCloseTo(expected[i], offset(TOLERANCE * largest));
    }
  }

  private static float[] multiplied(
      Operations operations, float[] x, WeightMatrix matrix, float[] bias) {
    int tokens = x.length / matrix.columns();
    try (Weight w = operations.weight(matrix);
        Tensor in = BothOperations.tensor(operations, tokens, matrix.columns(), x);
        Tensor b = BothOperations.tensor(operations, 1, matrix.rows(), bias);
        Tensor out = operations.tensor(tokens, matrix.rows())) {
      operations.linear(in, w, b, out);
      return BothOperations.values(operations, out);
    }
  }
}
