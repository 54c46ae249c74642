package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Linear layers of packed weights: the bits of the scalar code, which for up to eight tokens are
 * those that {@link io.github.wandacuda.SparseKernels} states, for more those of the dense weight,
 * which CUDA's tensor cores multiply in another order.
 */
@EachBackend(variants = {TestedBackend.OPENCL_TILES, TestedBackend.CUDA_SM75})
class LinearSparseTest extends OperationCases {
  private static final int FEW = 8;
  private static final int F32_INFINITY = 0x7f800000;

  LinearSparseTest(OpenedBackend backend) {
    super(backend);
  }

  /** Returns random weights of which a part is +0.0. */
  private static WeightMatrix weight(DType dtype, int rows, int columns, double zeros) {
    Random random = new Random(rows);
    MemorySegment data = Arena.ofAuto().allocate((long) rows * columns * dtype.bytes(), 64);
    for (long i = 0; i < (long) rows * columns; i++) {
      float value = random.nextDouble() < zeros ? 0f : (float) random.nextGaussian();
      put(data, dtype, i, value);
    }
    return WeightMatrix.of(data, dtype, rows, columns);
  }

  private static void put(MemorySegment data, DType dtype, long index, float value) {
    switch (dtype) {
      case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
      case F16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, index, Float.floatToFloat16(value));
      case BF16 ->
          data.setAtIndex(
              ValueLayout.JAVA_SHORT, index, (short) (Float.floatToRawIntBits(value) >>> 16));
    }
  }

  private static CpuTensor multiplied(Operands operands, CpuTensor x, Weight w, CpuTensor bias) {
    Tensor out = operands.out(x.rows(), w.rows(), 1);
    Tensor biases = bias == null ? null : operands.in(bias, 1);
    operands.operations().linear(operands.in(x, 1), w, biases, out);
    return operands.values(out);
  }

  private void agree(CpuTensor x, WeightMatrix w, CpuTensor bias) {
    String what = "%d x %d x %d %s".formatted(x.rows(), w.rows(), w.columns(), w.dtype());
    if (x.rows() <= FEW || !onTensorCores(w.dtype())) {
      sameBits(what, operands -> multiplied(operands, x, operands.sparse(w), bias));
      return;
    }
    each(
        operands -> {
          CpuTensor dense = multiplied(operands, x, operands.weight(w), bias);
          CpuTensor packed = multiplied(operands, x, operands.sparse(w), bias);
          assertThat(Samples.bits(packed)).as(what).isEqualTo(Samples.bits(dense));
          return packed;
        },
        found -> assertThat(found.rows()).isEqualTo(x.rows()));
  }

  /** Sizes on both sides of words, of what a warp reads at once, of its steps and of blocks. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1", "1, 7, 31", "2, 8, 32", "3, 9, 33", "4, 17, 100", "5, 3, 255",
    "6, 5, 257", "7, 10, 300", "8, 16, 1023", "1, 11, 1024", "1, 9, 1025", "2, 3, 2080",
    "8, 4, 2083", "9, 20, 70", "13, 33, 1056", "4, 5, 0"
  })
  @FirstCases(8)
  void everySizeAgrees(int tokens, int features, int columns) {
    for (DType dtype : DType.values()) {
      for (double zeros : new double[] {0, 0.5, 1}) {
        Samples samples = new Samples(tokens);
        WeightMatrix w = weight(dtype, features, columns, zeros);
        CpuTensor x = samples.tensor(tokens, columns);
        agree(x, w, samples.tensor(1, features));
        agree(x, w, null);
      }
    }
  }

  /** Infinities, subnormals and zeros of both signs, among activations and weights. */
  @ParameterizedTest
  @EnumSource
  void unusualNumbersAgree(DType dtype) {
    Samples samples = new Samples(5);
    WeightMatrix w = weight(dtype, 40, 300, 0.4);
    for (int i = 0; i < 40; i += 3) {
      put(w.data(), dtype, 301L * i % 12000, Float.intBitsToFloat(F32_INFINITY));
      put(w.data(), dtype, 77L * i, -0f);
      put(w.data(), dtype, 83L * i, 1e-7f);
    }
    for (int tokens : new int[] {1, 3, 8}) {
      agree(samples.spoil(samples.tensor(tokens, 300), 200), w, samples.tensor(1, 40));
    }
  }
}
