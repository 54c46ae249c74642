package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.PretendCuda.Order;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What only CUDA has: threads that take turns, products in one pass or by cuBLAS, and weights and
 * activations that come in parts. Products are compared with the sum in float64, in one pass with
 * that of the rounded activations.
 */
@Tag("gpu")
@Tag("pretend")
class CudaForwardTest {
  private final PretendCuda driver = PretendCuda.start();

  private record Layer(CpuTensor x, WeightMatrix w, CpuTensor bias) {
    static Layer random(DType dtype, int tokens, int features, int columns, float size) {
      Samples samples = new Samples(tokens);
      return new Layer(
          samples.tensor(tokens, columns, 0, size),
          samples.weight(dtype, features, columns, Samples.Layout.PADDED_ROWS),
          samples.tensor(1, features, 0, size));
    }

    /** Returns the layer of activations that are rounded to F16. */
    Layer rounded() {
      CpuTensor rounded = Samples.copy(x);
      for (int i = 0; i < rounded.elements(); i++) {
        rounded.data()[i] = DType.F16.rounded(rounded.data()[i]);
      }
      return new Layer(rounded, w, bias);
    }

    CpuTensor multiply(Backend backend, int offset) {
      try (Operands operands = new Operands(backend.operations())) {
        Tensor out = operands.out(x.rows(), w.rows(), offset);
        operands
            .operations()
            .linear(operands.in(x, offset), operands.weight(w), operands.in(bias, 1), out);
        operands.checkMargins();
        return operands.values(out);
      }
    }

    double error(CpuTensor out) {
      return LinearError.of(out, x, w, bias);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "5, 130, 71, 0", "33, 127, 40, 1", "64, 9, 288, 0",
    "65, 129, 33, 0", "130, 131, 97, 1", "129, 8, 264, 0",
    "257, 260, 8, 0"
  })
  void activationsAreRoundedForOnePass(int tokens, int features, int columns, int offset) {
    for (int capability : new int[] {75, 80}) {
      try (Backend backend = PretendedCuda.open(capability, Precision.FAST)) {
        for (DType dtype : DType.values()) {
          Layer layer = Layer.random(dtype, tokens, features, columns, 1);
          Layer expected = dtype == DType.F32 ? layer : layer.rounded();
          assertThat(expected.error(layer.multiply(backend, offset)))
              .as("%s on sm_%d", dtype, capability)
              .isLessThanOrEqualTo(LinearError.bound(capability, Precision.FAST, columns));
        }
        String few = tokens <= 64 ? "_few" : "";
        assertThat(driver.launches("linear_tensor_fast" + few)).isEqualTo(2);
        assertThat(driver.launches("linear_tensor" + few)).isZero();
      }
    }
  }

  /** Which of the terms beside 1 count, 7 of 2^-24 and 8 of 2^-25, is up to the architecture. */
  @ParameterizedTest
  @CsvSource({"75, 0", "80, 3", "86, 3", "89, 3", "90, 5"})
  void tensorCoresAreThoseOfTheDevice(int capability, int units) {
    CpuTensor x = CpuTensor.zeros(5, 16);
    MemorySegment weights = Arena.ofAuto().allocate(2 * 16, 64);
    for (int c = 0; c < 16; c++) {
      for (int t = 0; t < x.rows(); t++) {
        x.data()[x.at(t) + c] = c == 0 ? 1 : c < 8 ? 0x1p-12f : 0x1p-13f;
      }
      weights.setAtIndex(ValueLayout.JAVA_SHORT, c, Float.floatToFloat16(c == 0 ? 1 : 0x1p-12f));
    }
    Layer layer = new Layer(x, WeightMatrix.of(weights, DType.F16, 1, 16), CpuTensor.zeros(1, 1));
    try (Backend backend = PretendedCuda.open(capability)) {
      assertThat(layer.multiply(backend, 0).data()).containsOnly(1 + units * 0x1p-23f);
    }
  }

  /** They don't overflow in F16, and the smallest ones beside the largest are zero. */
  @Test
  void rowsAreScaledToTheRangeOfF16InOnePass() {
    try (Backend backend = PretendedCuda.open(80, Precision.FAST)) {
      Layer layer = Layer.random(DType.F16, 6, 10, 50, 1e9f);
      Layer large = new Layer(layer.x(), layer.w(), CpuTensor.zeros(1, 10));
      assertThat(large.error(large.multiply(backend, 0))).isBetween(1e-6, 0x1p-11);
    }
  }

  @Test
  void fewTokensGetTheSameBitsInBothPrecisions() {
    Layer layer = Layer.random(DType.BF16, 4, 33, 71, 1);
    int[][] outs = new int[2][];
    for (Precision precision : Precision.values()) {
      try (Backend backend = PretendedCuda.open(80, precision)) {
        outs[precision.ordinal()] = Samples.bits(layer.multiply(backend, 0));
      }
    }
    assertThat(outs[0]).isEqualTo(outs[1]);
  }

  /** Columns: type, compute capability, precision, passes. */
  @ParameterizedTest
  @CsvSource({
    "F16, 80, FAST, 1",
    "BF16, 80, FAST, 1",
    "F16, 80, HIGH, 2",
    "BF16, 80, HIGH, 2",
    "BF16, 75, HIGH, 2"
  })
  void cublasMultiplies(DType dtype, int capability, Precision precision, int passes) {
    try (Backend backend = PretendedCuda.withCublas(capability, precision)) {
      Layer layer = Layer.random(dtype, 13, 21, 71, 1);
      Layer expected = precision == Precision.FAST ? layer.rounded() : layer;
      assertThat(expected.error(layer.multiply(backend, 1)))
          .isLessThanOrEqualTo(LinearError.bound(capability, precision, 71));
      assertThat(driver.launches("cublasGemmEx")).isEqualTo(passes);
      assertThat(driver.launches("linear_epilogue")).isEqualTo(1);
    }
  }

  @Test
  void activationsComeInPartsWhereMemoryIsShort() {
    Layer layer = Layer.random(DType.F16, 300, 10, 100, 1);
    int[][] outs = new int[2][];
    for (int parts = 1; parts <= 2; parts++) {
      try (Backend backend = PretendedCuda.open(80)) {
        if (parts == 2) {
          // Of 300 rows of 2 * 128 halves each, half fit beside the matrices.
          driver.memory(230_000);
        }
        outs[parts - 1] = Samples.bits(layer.multiply(backend, 0));
        assertThat(driver.launches("linear_split_f32")).isEqualTo(parts);
      }
    }
    assertThat(outs[1]).isEqualTo(outs[0]);
  }

  /** Their results go into some columns of a wider matrix, whose others have to stay. */
  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_SM75"})
  @Thorough
  void weightsComeInPieces(TestedBackend which) {
    int capability = which == TestedBackend.CUDA ? 80 : 75;
    try (OpenedBackend opened =
        new OpenedBackend(
            which, PretendedCuda.open(capability, Precision.DEFAULT, SmallGroupsTest.PIECE))) {
      new LinearTest(opened).everySizeAgrees(13, 33, 257);
      assertThat(driver.launches("linear_float"))
          .as("with a bias and without, 3 pieces each")
          .isEqualTo(6);
      new LinearTest(opened).everySizeAgrees(4, 17, 257);
      new LinearSparseTest(opened).everySizeAgrees(13, 33, 1056);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"REVERSE", "SHUFFLED"})
  @FirstCases(1)
  void threadsMayTakeTurnsInAnyOrder(Order order) {
    for (int capability : new int[] {75, 80}) {
      for (Precision precision : Precision.values()) {
        try (Backend backend = PretendedCuda.open(capability, precision)) {
          List<int[]> inOrder = shared(backend);
          driver.order(order, 3);
          List<int[]> found = shared(backend);
          for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i)).as("%d", i).isEqualTo(inOrder.get(i));
          }
        }
      }
    }
  }

  /** Returns results of the kernels whose threads share what they compute. */
  private static List<int[]> shared(Backend backend) {
    List<int[]> results = new ArrayList<>();
    for (DType dtype : DType.values()) {
      results.add(Samples.bits(Layer.random(dtype, 70, 140, 100, 1).multiply(backend, 0)));
    }
    Samples samples = new Samples(8);
    Operations operations = backend.operations();
    try (Operands operands = new Operands(operations)) {
      Tensor x = operands.in(samples.tensor(40, 300));
      Tensor gain = operands.in(samples.tensor(1, 300));
      operations.rmsNorm(x, gain, 1e-5f, x);
      results.add(Samples.bits(OperationCases.bits(operations.crossEntropy(x, new int[40]))));
      operations.layerNorm(x, gain, null, 1e-5f, x);
      results.add(
          Samples.bits(
              Samples.of(40, operations.route(x, null, RoutingRule.softmax(4, false)).weights())));
      Tensor out = operands.out(100, 144);
      AttentionShape shape =
          new AttentionShape(100, 0, 2, 1, 72, (float) (1 / Math.sqrt(72)), 0, 0);
      operations.attention(
          operands.in(samples.tensor(100, 144, 0, 2)),
          operands.in(samples.tensor(100, 72, 0, 2)),
          operands.in(samples.tensor(100, 72)),
          shape,
          null,
          out);
      results.add(Samples.bits(operands.values(out)));
    }
    return results;
  }
}
