package io.github.wandacuda.forward.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.reference.Samples;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The parts that decoder families differ in: vector kernels against scalar ones, bit for bit. */
class VectorDecoderPartsTest {
  private static final int[] WIDTHS = {1, 2, 3, 7, 15, 16, 17, 31, 33, 255, 256, 257, 300};
  private static final Map<VectorShape, BothKernels> KERNELS = new EnumMap<>(VectorShape.class);

  static Stream<VectorShape> shapes() {
    return Stream.of(VectorShape.S_128_BIT, VectorShape.S_256_BIT, VectorShape.S_512_BIT);
  }

  private static BothKernels kernels(VectorShape shape) {
    return KERNELS.computeIfAbsent(shape, BothKernels::new);
  }

  /**
   * Compares attention.
   *
   * @param size length, heads, key and value heads, features, window
   */
  private static void attention(VectorShape shape, float cap, boolean biased, int[] size, int bad) {
    int rows = 2 * size[0];
    AttentionShape heads =
        new AttentionShape(size[0], size[1], size[2], size[3], 0.2f, cap, size[4]);
    kernels(shape)
        .agree(
            2,
            "%s, cap %s, bias %s".formatted(Arrays.toString(size), cap, biased),
            operations -> {
              Samples samples = new Samples(8);
              CpuTensor q = samples.spoil(samples.tensor(rows, size[1] * size[3]), bad);
              CpuTensor k = samples.spoil(samples.tensor(rows, size[2] * size[3]), bad);
              CpuTensor v = samples.spoil(samples.tensor(rows, size[2] * size[3]), bad);
              CpuTensor bias = samples.tensor(size[1], size[0]);
              CpuTensor out = samples.tensor(rows, size[1] * size[3]);
              operations.attention(q, k, v, heads, biased ? bias : null, out);
              return out;
            });
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void attentionWithinWindows(VectorShape shape) {
    int[][] sizes = {
      {1, 1, 1, 1, 1},
      {40, 1, 1, 3, 1},
      {40, 2, 1, 5, 2},
      {65, 2, 2, 16, 15},
      {65, 1, 1, 7, 16},
      {65, 1, 1, 7, 17},
      {130, 1, 1, 8, 63},
      {130, 1, 1, 8, 64},
      {130, 1, 1, 8, 65},
      {130, 1, 1, 8, 129},
      {130, 1, 1, 8, 130},
      {130, 1, 1, 8, 1000},
      {300, 1, 1, 4, 255},
      {300, 1, 1, 4, 256},
      {300, 1, 1, 4, 257},
      {600, 1, 1, 4, 20},
      {600, 1, 1, 4, 300}
    };
    for (int[] size : sizes) {
      attention(shape, 0, false, size, Integer.MAX_VALUE);
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void attentionWithBoundsAndBiases(VectorShape shape) {
    int[][] sizes = {
      {1, 1, 1, 1, 0}, {33, 2, 1, 5, 0}, {70, 3, 3, 8, 0}, {300, 1, 1, 4, 0}, {300, 2, 1, 4, 40}
    };
    for (int[] size : sizes) {
      attention(shape, 2.5f, false, size, Integer.MAX_VALUE);
      attention(shape, 0, true, size, Integer.MAX_VALUE);
      attention(shape, 0.7f, true, size, Integer.MAX_VALUE);
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void attentionOfUnusualNumbers(VectorShape shape) {
    attention(shape, 3, true, new int[] {40, 2, 1, 16, 0}, 300);
    attention(shape, 0, false, new int[] {290, 1, 1, 2, 30}, 100);
    attention(shape, 3, true, new int[] {290, 1, 1, 2, 270}, 100);
  }

  /**
   * Products that vanish leave -0, which +0 from a run that a query sees nothing of would turn into
   * +0: the windows of the first queries of a group begin in a run before that of the others.
   */
  @ParameterizedTest
  @MethodSource("shapes")
  void windowsKeepTheSignsOfZeros(VectorShape shape) {
    AttentionShape heads = new AttentionShape(600, 1, 1, 1, 1f, 0, 250);
    kernels(shape)
        .agree(
            2,
            "zeros",
            operations -> {
              CpuTensor q = CpuTensor.zeros(600, 1);
              CpuTensor k = CpuTensor.zeros(600, 1);
              CpuTensor v = CpuTensor.zeros(600, 1);
              for (int j = 0; j < 600; j++) {
                q.data()[j] = 1;
                k.data()[j] = j % 2 == 0 ? 0 : -3;
                v.data()[j] = j % 2 == 0 ? -0f : -Float.MIN_VALUE;
              }
              CpuTensor out = CpuTensor.zeros(600, 1);
              operations.attention(q, k, v, heads, null, out);
              assertThat(Float.floatToRawIntBits(out.data()[510])).isEqualTo(1 << 31);
              return out;
            });
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void layerNorm(VectorShape shape) {
    for (int columns : WIDTHS) {
      for (boolean biased : new boolean[] {true, false}) {
        kernels(shape)
            .agree(
                2,
                columns + " columns",
                operations -> {
                  Samples samples = new Samples(columns);
                  CpuTensor x = samples.spoil(samples.tensor(130, columns), 20 * columns);
                  CpuTensor gain = samples.tensor(1, columns);
                  CpuTensor bias = biased ? samples.tensor(1, columns) : null;
                  operations.layerNorm(x, gain, bias, 1e-5f, x);
                  return x;
                });
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void activations(Activation activation) {
    shapes()
        .forEach(
            shape ->
                IntStream.of(WIDTHS)
                    .forEach(
                        columns ->
                            kernels(shape)
                                .agree(
                                    2,
                                    columns + " columns",
                                    operations -> {
                                      Samples samples = new Samples(columns);
                                      CpuTensor x = samples.spoil(samples.tensor(257, columns), 20);
                                      CpuTensor up =
                                          samples.spoil(samples.tensor(257, columns), 100);
                                      CpuTensor out = samples.tensor(257, columns);
                                      operations.gate(activation, x, up, out);
                                      operations.activate(activation, x, x);
                                      operations.add(out, x);
                                      return out;
                                    })));
  }

  /** Every 65,536th float. */
  @ParameterizedTest
  @EnumSource
  void activationsOverTheWholeRange(Activation activation) {
    kernels(VectorShape.preferredShape())
        .agree(
            1,
            activation.name(),
            operations -> {
              CpuTensor x = CpuTensor.zeros(16, 4096);
              for (int i = 0; i < x.elements(); i++) {
                x.data()[i] = Float.intBitsToFloat(i << 16 | i * 31 & 0xffff);
              }
              operations.activate(activation, x, x);
              return x;
            });
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void scaleAndSoftcap(VectorShape shape) {
    for (int columns : WIDTHS) {
      kernels(shape)
          .agree(
              2,
              columns + " columns",
              operations -> {
                Samples samples = new Samples(columns);
                CpuTensor x = samples.spoil(samples.tensor(257, columns), 100);
                operations.scale(x, 3.1f);
                operations.softcap(x, 1.3f);
                return x;
              });
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void partialRotation(VectorShape shape) {
    for (int pairs : WIDTHS) {
      kernels(shape)
          .agree(
              2,
              pairs + " pairs",
              operations -> {
                Samples samples = new Samples(pairs);
                CpuTensor x = samples.spoil(samples.tensor(30, 3 * (2 * pairs + 5)), 200);
                CpuTensor cos = samples.tensor(10, pairs);
                operations.rotate(x, 2 * pairs + 5, cos, samples.tensor(10, pairs));
                return x;
              });
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void addRows(VectorShape shape) {
    for (int columns : WIDTHS) {
      kernels(shape)
          .agree(
              2,
              columns + " columns",
              operations -> {
                Samples samples = new Samples(columns);
                CpuTensor x = samples.spoil(samples.tensor(20, columns), 100);
                CpuTensor sum = samples.tensor(40, columns);
                int[] rows = IntStream.range(0, 20).map(i -> 2 * i).toArray();
                float[] factors = new float[20];
                for (int i = 0; i < 20; i++) {
                  factors[i] = 0.3f * i - 2;
                }
                operations.addRows(x, rows, factors, sum);
                return sum;
              });
    }
  }
}
