package io.github.wandacuda.forward.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.reference.Samples;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The vector kernels against the scalar ones, bit for bit, for each vector width. */
class VectorForwardTest {
  private static final int[] WIDTHS = {1, 2, 3, 7, 15, 16, 17, 31, 33, 255, 256, 257, 300};
  private static final Map<VectorShape, BothKernels> KERNELS = new EnumMap<>(VectorShape.class);

  static Stream<VectorShape> shapes() {
    return Stream.of(VectorShape.S_128_BIT, VectorShape.S_256_BIT, VectorShape.S_512_BIT);
  }

  static Stream<Arguments> machines() {
    return shapes()
        .flatMap(shape -> IntStream.of(1, 2, 3).mapToObj(threads -> Arguments.of(shape, threads)));
  }

  private static BothKernels kernels(VectorShape shape) {
    return KERNELS.computeIfAbsent(shape, BothKernels::new);
  }

  private static boolean isEmulated(VectorShape shape) {
    return shape.vectorBitSize() > VectorShape.preferredShape().vectorBitSize();
  }

  private static void linear(
      VectorShape shape, int threads, int[] size, DType dtype, Samples.Layout layout, int spoiled) {
    WeightMatrix w = new Samples(5).weight(dtype, size[1], size[2], layout);
    kernels(shape)
        .agree(
            threads,
            "%s %s %s".formatted(Arrays.toString(size), dtype, layout),
            operations -> {
              Samples samples = new Samples(6);
              CpuTensor x = samples.spoil(samples.tensor(size[0], size[2]), spoiled);
              CpuTensor bias = size[0] % 2 == 0 ? null : samples.tensor(1, size[1]);
              CpuTensor out = samples.tensor(size[0], size[1]);
              operations.linear(x, operations.weight(w), bias, out);
              return out;
            });
  }

  @ParameterizedTest
  @MethodSource("machines")
  void linear(VectorShape shape, int threads) {
    int[][] sizes = {
      {1, 1, 1},
      {2, 15, 255},
      {3, 16, 256},
      {4, 17, 257},
      {5, 31, 300},
      {7, 33, 16},
      {31, 2, 513},
      {33, 65, 31},
      {98, 130, 300},
      {3, 5, 0},
      {2051, 3, 5}
    };
    for (int[] size : sizes) {
      linear(shape, threads, size, DType.F32, Samples.Layout.ROWS, Integer.MAX_VALUE);
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void linearLongEnoughForTheJit(VectorShape shape, int threads) {
    int[] size = isEmulated(shape) ? new int[] {30, 70, 300} : new int[] {500, 400, 700};
    linear(shape, threads, size, DType.BF16, Samples.Layout.ROWS, Integer.MAX_VALUE);
  }

  @ParameterizedTest
  @EnumSource(names = {"S_128_BIT", "S_256_BIT", "S_512_BIT"})
  void linearOfEveryKindOfWeight(VectorShape shape) {
    for (DType dtype : DType.values()) {
      for (Samples.Layout layout : Samples.Layout.values()) {
        linear(shape, 2, new int[] {5, 19, 300}, dtype, layout, Integer.MAX_VALUE);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void linearOfUnusualNumbers(VectorShape shape, int threads) {
    linear(shape, threads, new int[] {40, 40, 300}, DType.F32, Samples.Layout.ROWS, 500);
  }

  /** Sizes are sequences, tokens, heads, key and value heads, features. */
  private static void attention(VectorShape shape, int threads, int[] size, int spoiled) {
    int rows = size[0] * size[1];
    AttentionShape heads = new AttentionShape(size[1], size[2], size[3], size[4], 0.2f, 0, 0);
    kernels(shape)
        .agree(
            threads,
            Arrays.toString(size),
            operations -> {
              Samples samples = new Samples(8);
              CpuTensor q = samples.spoil(samples.tensor(rows, size[2] * size[4]), spoiled);
              CpuTensor k = samples.spoil(samples.tensor(rows, size[3] * size[4]), spoiled);
              CpuTensor v = samples.spoil(samples.tensor(rows, size[3] * size[4]), spoiled);
              CpuTensor out = samples.tensor(rows, size[2] * size[4]);
              operations.attention(q, k, v, heads, null, out);
              return out;
            });
  }

  @ParameterizedTest
  @MethodSource("machines")
  void attention(VectorShape shape, int threads) {
    int[][] sizes = {
      {1, 1, 1, 1, 1}, {3, 2, 1, 1, 3}, {1, 15, 2, 1, 5}, {2, 16, 2, 2, 16}, {2, 17, 4, 2, 8},
      {1, 33, 3, 3, 7}, {1, 65, 2, 1, 300}, {1, 255, 1, 1, 3}, {1, 256, 1, 1, 4}, {1, 257, 1, 1, 5},
      {1, 300, 2, 1, 6}
    };
    for (int[] size : sizes) {
      attention(shape, threads, size, Integer.MAX_VALUE);
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void attentionLongEnoughForTheJit(VectorShape shape, int threads) {
    int[] size = isEmulated(shape) ? new int[] {1, 70, 1, 1, 8} : new int[] {2, 600, 2, 1, 64};
    attention(shape, threads, size, Integer.MAX_VALUE);
  }

  @ParameterizedTest
  @MethodSource("machines")
  void attentionOfUnusualNumbers(VectorShape shape, int threads) {
    attention(shape, threads, new int[] {2, 40, 2, 1, 16}, 300);
    attention(shape, threads, new int[] {1, 270, 1, 1, 2}, 200);
  }

  @ParameterizedTest
  @EnumSource(names = {"S_128_BIT", "S_256_BIT", "S_512_BIT"})
  void laterTokensDoNotReachEarlierOnes(VectorShape shape) {
    int tokens = 40;
    AttentionShape heads = new AttentionShape(tokens, 1, 1, 4, 1f, 0, 0);
    for (int broken = 1; broken < tokens; broken += 6) {
      int from = broken;
      kernels(shape)
          .agree(
              1,
              "from token " + from,
              operations -> {
                Samples samples = new Samples(9);
                CpuTensor q = samples.tensor(tokens, 4);
                CpuTensor k = samples.tensor(tokens, 4);
                CpuTensor v = samples.tensor(tokens, 4);
                Arrays.fill(k.data(), k.at(from), k.at(tokens), Float.NaN);
                Arrays.fill(v.data(), v.at(from), v.at(tokens), Float.POSITIVE_INFINITY);
                CpuTensor out = samples.tensor(tokens, 4);
                operations.attention(q, k, v, heads, null, out);
                for (int i = 0; i < tokens; i++) {
                  assertThat(Float.isFinite(out.data()[out.at(i)])).isEqualTo(i < from);
                }
                return out;
              });
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void rmsNorm(VectorShape shape, int threads) {
    for (int columns : WIDTHS) {
      kernels(shape)
          .agree(
              threads,
              columns + " columns",
              operations -> {
                Samples samples = new Samples(columns);
                CpuTensor x = samples.spoil(samples.tensor(130, columns), 20 * columns);
                operations.rmsNorm(x, samples.tensor(1, columns), 1e-5f, x);
                return x;
              });
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void rotate(VectorShape shape, int threads) {
    for (int half : WIDTHS) {
      kernels(shape)
          .agree(
              threads,
              half + " pairs",
              operations -> {
                Samples samples = new Samples(half);
                CpuTensor x = samples.spoil(samples.tensor(30, 3 * 2 * half), 200);
                operations.rotate(x, 2 * half, samples.tensor(10, half), samples.tensor(10, half));
                return x;
              });
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void siluMultiply(VectorShape shape, int threads) {
    for (int columns : WIDTHS) {
      kernels(shape)
          .agree(
              threads,
              columns + " columns",
              operations -> {
                Samples samples = new Samples(columns);
                CpuTensor gate = samples.spoil(samples.tensor(257, columns), 100);
                CpuTensor up = samples.spoil(samples.tensor(257, columns), 100);
                CpuTensor out = samples.tensor(257, columns);
                operations.gate(Activation.SILU, gate, up, out);
                operations.gate(Activation.SILU, gate, up, gate);
                assertThat(Samples.bits(gate)).isEqualTo(Samples.bits(out));
                return out;
              });
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void add(VectorShape shape, int threads) {
    for (int columns : WIDTHS) {
      kernels(shape)
          .agree(
              threads,
              columns + " columns",
              operations -> {
                Samples samples = new Samples(columns);
                CpuTensor x = samples.spoil(samples.tensor(257, columns), 100);
                operations.add(x, samples.spoil(samples.tensor(257, columns), 100));
                return x;
              });
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void columnSquares(VectorShape shape, int threads) {
    for (int columns : WIDTHS) {
      kernels(shape)
          .agree(
              threads,
              columns + " columns",
              operations -> {
                Samples samples = new Samples(columns);
                try (ColumnSquares squares = operations.columnSquares(columns)) {
                  squares.add(samples.tensor(31, columns));
                  squares.add(samples.tensor(65, columns));
                  squares.add(samples.spoil(samples.tensor(1, columns), 100));
                  return bits(squares.sums());
                }
              });
    }
  }

  @ParameterizedTest
  @MethodSource("machines")
  void crossEntropy(VectorShape shape, int threads) {
    for (int vocabulary : WIDTHS) {
      kernels(shape)
          .agree(
              threads,
              "vocabulary of " + vocabulary,
              operations -> {
                Samples samples = new Samples(vocabulary);
                CpuTensor logits = samples.spoil(samples.tensor(40, vocabulary), 400);
                int[] targets = IntStream.range(0, 40).map(t -> t % vocabulary).toArray();
                return bits(operations.crossEntropy(logits, targets));
              });
    }
  }

  /** Puts the bits of each double into four elements, 16 in each. */
  private static CpuTensor bits(double[] values) {
    CpuTensor tensor = CpuTensor.zeros(values.length, 4);
    for (int i = 0; i < values.length; i++) {
      long bits = Double.doubleToLongBits(values[i]);
      for (int part = 0; part < 4; part++) {
        tensor.data()[4 * i + part] = (bits >>> (16 * part)) & 0xFFFF;
      }
    }
    return tensor;
  }
}
