package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.PretendCuda.Order;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What only CUDA has of linear layers: columns of a wider matrix and weights with NaN between their
 * rows, cuBLAS, parts, threads that take turns. Against the sum in float64, with a tolerance that
 * is relative to the sum of |x w|: float32 and F16 within rounding of float32, BF16 with half an
 * ulp of the 16 bits that two BF16 hold. In one pass the sum is that of the rounded activations,
 * and as near to it.
 */
@Tag("gpu")
@Tag("pretend")
class CudaLinearTest {
  private static final double FLOAT32 = 4e-7;
  private static final double SPLIT_BF16 = 0x1p-18 + FLOAT32;

  /** What stands around a result and has to stay. */
  private static final float UNTOUCHED = -77f;

  private static final int MARGIN = 3;

  private record Layer(float[] x, PaddedWeight w, float[] bias) {
    static Layer random(DType dtype, int tokens, int features, int columns, double size) {
      return new Layer(
          ScalarOperations.random(tokens * columns, size, tokens),
          PaddedWeight.random(dtype, features, columns, columns),
          ScalarOperations.random(features, size, 3));
    }

    int tokens() {
      return x.length / w.columns();
    }

    /** Returns the layer of activations that are rounded to the weights' type. */
    Layer rounded() {
      float[] rounded = new float[x.length];
      for (int i = 0; i < x.length; i++) {
        rounded[i] = w.dtype() == DType.F16 ? half(x[i]) : bfloat16(x[i]);
      }
      return new Layer(rounded, w, bias);
    }

    private static float half(float value) {
      return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    private static float bfloat16(float value) {
      int bits = Float.floatToRawIntBits(value);
      return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
    }

    /** Returns how far a result is off at most, relative to the sum of its terms' sizes. */
    double error(float[] out) {
      double worst = 0;
      for (int t = 0; t < tokens(); t++) {
        for (int o = 0; o < w.rows(); o++) {
          worst = Math.max(worst, error(t, o, out[t * w.rows() + o]));
        }
      }
      return worst;
    }

    private double error(int t, int o, float found) {
      double sum = bias[o];
      double size = Math.abs(bias[o]);
      for (int c = 0; c < w.columns(); c++) {
        double term = (double) x[t * w.columns() + c] * w.get(o, c);
        sum += term;
        size += Math.abs(term);
      }
      double error = Math.abs(found - sum) / size;
      return error >= 0 ? error : Double.POSITIVE_INFINITY;
    }
  }

  /** Multiplies into some columns of a wider matrix, and checks that the others stay. */
  private static float[] multiply(
      ForwardSession session, GpuForwardKernels kernels, Layer layer, int offset) {
    int features = layer.w().rows();
    int stride = features + 2 * MARGIN;
    float[] around = new float[layer.tokens() * stride];
    Arrays.fill(around, UNTOUCHED);
    DeviceRows wide = session.matrix(around, stride, offset);
    kernels.linear(
        session.matrix(layer.x(), layer.w().columns(), offset),
        session.weight(layer.w()),
        session.vector(layer.bias(), 1),
        wide.columnRange(MARGIN, features));
    float[] found = session.read(wide);
    float[] out = new float[layer.tokens() * features];
    for (int i = 0; i < found.length; i++) {
      int column = i % stride - MARGIN;
      if (column >= 0 && column < features) {
        out[i / stride * features + column] = found[i];
      } else {
        assertThat(found[i]).isEqualTo(UNTOUCHED);
      }
    }
    return out;
  }

  private static double tolerance(DType dtype, int capability) {
    return dtype == DType.BF16 && capability >= 80 ? SPLIT_BF16 : FLOAT32;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 0", "5, 130, 71, 0", "33, 127, 40, 1", "64, 9, 288, 0",
    "65, 129, 33, 0", "130, 131, 97, 1", "129, 8, 264, 0", "257, 260, 8, 0"
  })
  void multipliesEveryTypeOnBothArchitectures(int tokens, int features, int columns, int offset) {
    for (int capability : new int[] {75, 80}) {
      try (ForwardSession session = new ForwardSession(capability)) {
        for (DType dtype : DType.values()) {
          Layer layer = Layer.random(dtype, tokens, features, columns, 1);
          assertThat(layer.error(multiply(session, session.own, layer, offset)))
              .as("%s on sm_%d", dtype, capability)
              .isLessThanOrEqualTo(tolerance(dtype, capability));
        }
      }
    }
  }

  /** F16 on both architectures, BF16 where tensor cores take it; in float32 where they don't. */
  @ParameterizedTest
  @CsvSource({
    "5, 130, 71, 0", "33, 127, 40, 1", "64, 9, 288, 0",
    "65, 129, 33, 0", "130, 131, 97, 1", "129, 8, 264, 0",
    "257, 260, 8, 0"
  })
  void multipliesRoundedActivationsInOnePass(int tokens, int features, int columns, int offset) {
    for (int capability : new int[] {75, 80}) {
      try (ForwardSession session = new ForwardSession(capability, Precision.FAST)) {
        for (DType dtype : DType.values()) {
          Layer layer = Layer.random(dtype, tokens, features, columns, 1);
          boolean rounds = dtype == DType.F16 || dtype == DType.BF16 && capability >= 80;
          Layer expected = rounds ? layer.rounded() : layer;
          assertThat(expected.error(multiply(session, session.own, layer, offset)))
              .as("%s on sm_%d", dtype, capability)
              .isLessThanOrEqualTo(FLOAT32);
        }
        String few = tokens <= 64 ? "_few" : "";
        assertThat(session.driver().launches("linear_tensor_fast" + few + "_f16")).isEqualTo(1);
        assertThat(session.driver().launches("linear_tensor" + few + "_f16")).isZero();
      }
    }
  }

  /** They don't overflow in F16, and the smallest ones beside the largest are zero. */
  @Test
  void scalesRowsToTheRangeOfF16InOnePass() {
    try (ForwardSession session = new ForwardSession(80, Precision.FAST)) {
      Layer layer = Layer.random(DType.F16, 6, 10, 50, 1e9);
      Layer large = new Layer(layer.x(), layer.w(), new float[10]);
      assertThat(large.error(multiply(session, session.own, large, 0))).isBetween(1e-6, 0x1p-11);
    }
  }

  @Test
  void tokensThatAreFewHaveTheSameBitsInBothPrecisions() {
    Layer layer = Layer.random(DType.BF16, 4, 33, 71, 1);
    float[][] outs = new float[2][];
    for (Precision precision : Precision.values()) {
      try (ForwardSession session = new ForwardSession(80, precision)) {
        outs[precision.ordinal()] = multiply(session, session.own, layer, 0);
      }
    }
    assertThat(outs[0]).isEqualTo(outs[1]);
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void multipliesOnceByCublas(DType dtype) {
    try (ForwardSession session = new ForwardSession(80, Precision.FAST);
        CudaForwardKernels kernels =
            new CudaForwardKernels(
                session.queue, CublasLinear.open(session.queue), Precision.FAST)) {
      Layer layer = Layer.random(dtype, 13, 21, 71, 1);
      assertThat(layer.rounded().error(multiply(session, kernels, layer, 1)))
          .isLessThanOrEqualTo(FLOAT32);
      assertThat(session.driver().launches("cublasGemmEx")).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void multipliesByCublas(DType dtype) {
    try (ForwardSession session = new ForwardSession(80);
        CudaForwardKernels kernels =
            new CudaForwardKernels(
                session.queue, CublasLinear.open(session.queue), Precision.HIGH)) {
      Layer layer = Layer.random(dtype, 13, 21, 71, 1);
      assertThat(layer.error(multiply(session, kernels, layer, 1)))
          .isLessThanOrEqualTo(tolerance(dtype, 80));
      assertThat(session.driver().launches("cublasGemmEx")).isEqualTo(2);
      assertThat(session.driver().launches("linear_epilogue")).isEqualTo(1);
    }
  }

  @Test
  void cublasIsNotAskedForBf16OnTuring() {
    try (ForwardSession session = new ForwardSession(75);
        CudaForwardKernels kernels =
            new CudaForwardKernels(
                session.queue, CublasLinear.open(session.queue), Precision.HIGH)) {
      Layer layer = Layer.random(DType.BF16, 13, 21, 71, 1);
      assertThat(layer.error(multiply(session, kernels, layer, 0))).isLessThanOrEqualTo(FLOAT32);
      assertThat(session.driver().launches("cublasGemmEx")).isZero();
    }
  }

  @Test
  void comesInPartsWhereMemoryIsShort() {
    Layer layer = Layer.random(DType.F16, 300, 10, 100, 1);
    float[] whole;
    try (ForwardSession session = new ForwardSession(80)) {
      whole = multiply(session, session.own, layer, 0);
      assertThat(session.driver().launches("linear_split_f16")).isEqualTo(1);
    }
    try (ForwardSession session = new ForwardSession(80)) {
      // Of 300 rows of 2 * 128 halves each, half fit beside the matrices.
      session.driver().memory(230_000);
      assertThat(multiply(session, session.own, layer, 0)).isEqualTo(whole);
      assertThat(session.driver().launches("linear_split_f16")).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Order.class,
      names = {"REVERSE", "SHUFFLED"})
  void threadsMayTakeTurnsInAnyOrder(Order order) {
    for (int capability : new int[] {75, 80}) {
      for (Precision precision : Precision.values()) {
        try (ForwardSession session = new ForwardSession(capability, precision)) {
          takeTurns(session, order);
        }
      }
    }
  }

  private static void takeTurns(ForwardSession session, Order order) {
    for (DType dtype : DType.values()) {
      Layer layer = Layer.random(dtype, 70, 140, 100, 1);
      session.driver().order(Order.FORWARD, 1);
      float[] inOrder = multiply(session, session.own, layer, 0);
      session.driver().order(order, 1);
      assertThat(multiply(session, session.own, layer, 0)).isEqualTo(inOrder);
    }
  }
}
