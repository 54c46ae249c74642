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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Linear layers: the scalar code's bits, but for CUDA's tensor cores, which take 16-bit weights and
 * are compared with the sum in float64.
 */
@EachBackend(variants = {TestedBackend.OPENCL_TILES, TestedBackend.CUDA_SM75})
class LinearTest extends OperationCases {
  /** Tokens for which CUDA has kernels that give the CPU's bits for every type. */
  private static final int FEW = 4;

  private static final double FLOAT32 = 4e-7;

  LinearTest(OpenedBackend backend) {
    super(backend);
  }

  private double tolerance(WeightMatrix w) {
    return onTensorCores(w.dtype())
        ? LinearError.bound(LinearError.ANY, Precision.DEFAULT, w.columns())
        : FLOAT32;
  }

  static CpuTensor multiplied(
      Operands operands, CpuTensor x, WeightMatrix w, CpuTensor bias, int offset) {
    return multiplied(operands, x, operands.weight(w), bias, offset);
  }

  private static CpuTensor multiplied(
      Operands operands, CpuTensor x, Weight w, CpuTensor bias, int offset) {
    Tensor out = operands.out(x.rows(), w.rows(), offset);
    operands
        .operations()
        .linear(operands.in(x, offset), w, bias == null ? null : operands.in(bias, 1), out);
    return operands.values(out);
  }

  /** Checks the bits, or the distance from the sum in float64 where tensor cores multiply. */
  private void agree(CpuTensor x, WeightMatrix w, CpuTensor bias, int offset) {
    if (onTensorCores(w.dtype())) {
      withinRounding(tolerance(w), x, w, bias, offset);
    } else {
      sameBits(
          "%d x %d x %d %s".formatted(x.rows(), w.rows(), w.columns(), w.dtype()),
          operands -> multiplied(operands, x, w, bias, offset));
    }
  }

  /**
   * Checks the distance from the sum in float64.
   *
   * @param tolerance relative to the sum of the terms' magnitudes
   */
  private void withinRounding(
      double tolerance, CpuTensor x, WeightMatrix w, CpuTensor bias, int offset) {
    each(
        operands -> multiplied(operands, x, w, bias, offset),
        out ->
            assertThat(LinearError.of(out, x, w, bias))
                .as("%s, %d columns", w.dtype(), w.columns())
                .isLessThanOrEqualTo(tolerance));
  }

  private void agree(int tokens, int features, int columns, DType dtype, Samples.Layout layout) {
    Samples samples = new Samples(tokens);
    WeightMatrix w = samples.weight(dtype, features, columns, layout);
    CpuTensor x = samples.tensor(tokens, columns);
    agree(x, w, samples.tensor(1, features), 0);
    agree(x, w, null, 0);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 2, 255", "2, 3, 256", "2, 5, 257", "4, 17, 1000"})
  void linearIsWithinTheRoundingOfItsChains(int tokens, int features, int columns) {
    Samples samples = new Samples(7);
    WeightMatrix w = samples.weight(DType.BF16, features, columns, Samples.Layout.ROWS);
    int roundings = Math.min(columns, 256) + columns / 256 + 1;
    withinRounding(
        roundings * LinearError.ROUNDING,
        samples.tensor(tokens, columns),
        w,
        samples.tensor(1, features),
        0);
  }

  @Test
  void linearWithoutColumnsIsTheBias() {
    CpuTensor bias = new Samples(7).tensor(1, 3);
    WeightMatrix w = WeightMatrix.of(MemorySegment.NULL, DType.F32, 3, 0);
    each(
        operands -> multiplied(operands, CpuTensor.zeros(2, 0), w, bias, 0),
        out -> {
          assertThat(Samples.bits(out.rows(0, 1))).isEqualTo(Samples.bits(bias));
          assertThat(Samples.bits(out.rows(1, 1))).isEqualTo(Samples.bits(bias));
        });
  }

  /** Sizes on both sides of the edges of vectors, tiles, panels, runs and blocks of tokens. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1", "2, 15, 255", "3, 16, 256", "4, 17, 257", "5, 31, 300", "7, 33, 16",
    "31, 2, 513", "33, 65, 31", "98, 130, 300", "3, 5, 0", "2051, 3, 5", "3, 5, 15",
    "4, 16, 16", "12, 32, 256", "13, 33, 257", "63, 65, 17", "64, 64, 255", "65, 63, 513",
    "129, 127, 300", "7, 4, 0", "600, 9, 31"
  })
  @FirstCases(10)
  void everySizeAgrees(int tokens, int features, int columns) {
    for (DType dtype : DType.values()) {
      if (columns > 0 || dtype == DType.F32 || !which().isCuda()) {
        agree(tokens, features, columns, dtype, Samples.Layout.PADDED_ROWS);
      }
    }
  }

  /** Weights that are kept for few rows give the bits that others give; with many rows too. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1", "1, 17, 255", "1, 64, 256", "1, 65, 257", "1, 130, 1000",
    "2, 16, 300", "3, 257, 512", "8, 33, 31", "9, 70, 513", "20, 300, 257",
    "4, 5, 0"
  })
  @FirstCases(2)
  void residentWeightsAgree(int tokens, int features, int columns) {
    for (DType dtype : DType.values()) {
      for (Samples.Layout layout : Samples.Layout.values()) {
        boolean tensors = onTensorCores(dtype) && tokens > FEW;
        if (!tensors && (columns > 0 || !which().isCuda())) {
          Samples samples = new Samples(tokens);
          WeightMatrix w = samples.weight(dtype, features, columns, layout);
          CpuTensor x = samples.spoil(samples.tensor(tokens, columns), 500);
          CpuTensor bias = samples.tensor(1, features);
          sameBits(
              "%d x %d x %d %s".formatted(tokens, features, columns, dtype),
              operands -> multiplied(operands, x, operands.resident(w), bias, 1));
        }
      }
    }
  }

  /** Every finite bit pattern, subnormals and zeros of both signs too, and some that aren't. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void residentWeightsKeepEveryValue(DType dtype) {
    MemorySegment all = Arena.ofAuto().allocate(2 << 16);
    int infinity = dtype == DType.F16 ? 0x7c00 : 0x7f80;
    for (int bits = 0; bits < 1 << 16; bits++) {
      boolean finite = (bits & infinity) != infinity;
      all.setAtIndex(ValueLayout.JAVA_SHORT, bits, (short) (finite ? bits : 0));
    }
    WeightMatrix w = WeightMatrix.of(all, dtype, 1 << 16, 1);
    CpuTensor one = Samples.of(1, 1f);
    sameBits("finite", operands -> multiplied(operands, one, operands.resident(w), null, 0));
    all.setAtIndex(ValueLayout.JAVA_SHORT, 5, (short) infinity);
    sameBits("infinite", operands -> multiplied(operands, one, operands.resident(w), null, 0));
  }

  @Test
  void workLongEnoughForTheJitAgrees() {
    if (which().isGpu() || which().isEmulated()) {
      agree(30, 70, 300, DType.BF16, Samples.Layout.ROWS);
    } else {
      agree(500, 400, 700, DType.BF16, Samples.Layout.ROWS);
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyKindOfWeightAgrees(DType dtype) {
    for (Samples.Layout layout : Samples.Layout.values()) {
      agree(5, 19, 300, dtype, layout);
    }
    agree(20, 30, 600, dtype, Samples.Layout.ROWS);
  }

  @Test
  void unusualNumbersAgree() {
    Samples samples = new Samples(6);
    WeightMatrix w = samples.weight(DType.F32, 40, 300, Samples.Layout.ROWS);
    CpuTensor x = samples.spoil(samples.tensor(40, 300), 500);
    agree(x, w, null, 0);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 0", "5, 130, 71, 0", "33, 127, 40, 1", "64, 9, 288, 0",
    "65, 129, 33, 0", "130, 131, 97, 1", "129, 8, 264, 0", "257, 260, 8, 0"
  })
  void everyTypeIsWithinItsTolerance(int tokens, int features, int columns, int offset) {
    for (DType dtype : DType.values()) {
      Samples samples = new Samples(tokens);
      WeightMatrix w = samples.weight(dtype, features, columns, Samples.Layout.ROWS);
      CpuTensor x = samples.tensor(tokens, columns);
      CpuTensor bias = samples.tensor(1, features);
      withinRounding(tolerance(w), x, w, bias, offset);
      if (!onTensorCores(dtype)) {
        agree(x, w, bias, offset);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F16, 1e6", "F16, 1e-6", "F16, 1e30",
    "F16, 1e-30", "F16, 1e-38", "BF16, 1e6",
    "BF16, 1e-30"
  })
  void activationsOfAnySizeKeepTheirDigits(DType dtype, float size) {
    Samples samples = new Samples(40);
    WeightMatrix w = samples.weight(dtype, 20, 70, Samples.Layout.ROWS);
    CpuTensor x = samples.tensor(40, 70, 0, size);
    CpuTensor bias = samples.tensor(1, 20, 0, size);
    // Products below the normal range lose digits anywhere.
    double tiny = size < 1e-37 ? 1e-5 : 0;
    withinRounding(tolerance(w) + tiny, x, w, bias, 0);
    CpuTensor mixed = samples.tensor(40, 70);
    System.arraycopy(x.data(), x.at(0), mixed.data(), mixed.at(0), 70);
    withinRounding(tolerance(w) + tiny, mixed, w, null, 0);
  }

  @ParameterizedTest
  @EnumSource
  void anInfinityStaysInItsRow(DType dtype) {
    Samples samples = new Samples(3);
    WeightMatrix w = samples.weight(dtype, 5, 40, Samples.Layout.ROWS);
    CpuTensor x = samples.tensor(3, 40);
    x.data()[x.at(1) + 5] = Float.POSITIVE_INFINITY;
    each(
        operands -> multiplied(operands, x, w, null, 0),
        out -> {
          for (int i = 0; i < out.elements(); i++) {
            assertThat(Float.isFinite(out.data()[i])).as("%d", i).isEqualTo(i / 5 != 1);
          }
        });
  }

  /** A row of zeros has no magnitude to scale by. */
  @ParameterizedTest
  @EnumSource
  void zerosGiveTheBias(DType dtype) {
    Samples samples = new Samples(2);
    WeightMatrix w = samples.weight(dtype, 5, 40, Samples.Layout.ROWS);
    CpuTensor bias = CpuTensor.zeros(1, 5);
    each(
        operands -> multiplied(operands, CpuTensor.zeros(2, 40), w, bias, 0),
        out -> assertThat(out.data()).containsOnly(0f));
  }
}
