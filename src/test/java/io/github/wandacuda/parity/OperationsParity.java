package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.Values;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What holds for a GPU's forward operations: they agree with the CPU's scalar ones, to the bit
 * where no sum is involved, else within the rounding of a float32 sum.
 */
@TestInstance(Lifecycle.PER_CLASS)
abstract class OperationsParity {
  private final Random random = new Random(11);
  private final Workers workers = new Workers(2);
  private final Operations scalar = CpuOperations.checked(new ScalarForward(), workers);
  private Backend backend;
  private Operations gpu;

  abstract Gpu device();

  @BeforeAll
  void open() {
    backend = device().open();
    gpu = backend.operations();
  }

  @AfterAll
  void close() {
    workers.close();
    if (backend != null) {
      backend.close();
    }
  }

  private float[] normal(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static Tensor tensor(Operations operations, int rows, int columns, float[] values) {
    Tensor tensor = operations.tensor(rows, columns);
    operations.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  private static float[] values(Operations operations, Tensor tensor) {
    float[] values = new float[tensor.rows() * tensor.columns()];
    operations.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  private WeightMatrix weight(DType dtype, int rows, int columns, PlacedMatrix.Layout layout) {
    return PlacedMatrix.of(layout, dtype, rows, columns)
        .filled(Values.GAUSSIAN.matrix(new SplittableRandom(rows), dtype, rows, columns))
        .view();
  }

  /** Runs the same on both and returns both results. */
  private List<float[]> both(Function<Operations, float[]> work) {
    return List.of(work.apply(gpu), work.apply(scalar));
  }

  private static void assertSameBits(List<float[]> results) {
    assertThat(bits(results.get(0))).isEqualTo(bits(results.get(1)));
  }

  private static int[] bits(float[] values) {
    return IntStream.range(0, values.length).map(i -> Float.floatToRawIntBits(values[i])).toArray();
  }

  /** Checks that no element differs by more than {@code tolerance} times the largest one. */
  private static void assertClose(List<float[]> results, double tolerance) {
    float[] found = results.get(0);
    float[] expected = results.get(1);
    double scale = 0;
    for (float value : expected) {
      scale = Math.max(scale, Math.abs(value));
    }
    for (int i = 0; i < found.length; i++) {
      assertThat((double) found[i])
          .as("element %d", i)
          .isCloseTo(expected[i], offset(tolerance * scale));
    }
  }

  @Test
  void tensorsAreZerosAndShareRows() {
    try (Tensor tensor = gpu.tensor(5, 7)) {
      assertThat(values(gpu, tensor)).containsOnly(0f);
      gpu.upload(MemorySegment.ofArray(normal(14)), tensor.rows(1, 3).rows(1, 2));
      assertThat(values(gpu, tensor.rows(0, 2))).containsOnly(0f);
      assertThat(values(gpu, tensor.rows(2, 2))).doesNotContain(0f);
    }
  }

  @ParameterizedTest
  @EnumSource
  void embedWidensExactly(DType dtype) {
    for (PlacedMatrix.Layout layout : PlacedMatrix.Layout.values()) {
      WeightMatrix table = weight(dtype, 9, 71, layout);
      assertSameBits(
          both(
              operations -> {
                try (Weight weight = operations.weight(table);
                    Tensor out = operations.tensor(4, 71)) {
                  operations.embed(weight, new int[] {8, 0, 3, 3}, out);
                  return values(operations, out);
                }
              }));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "3,33,17", "70,40,130", "129,136,65", "65,129,300"})
  void linearAgrees(int tokens, int features, int columns) {
    float[] x = normal(tokens * columns);
    float[] bias = normal(features);
    for (DType dtype : DType.values()) {
      for (PlacedMatrix.Layout layout :
          List.of(PlacedMatrix.Layout.WIDE_ROWS, PlacedMatrix.Layout.TRANSPOSED)) {
        WeightMatrix matrix = weight(dtype, features, columns, layout);
        List<float[]> results =
            both(
                operations -> {
                  try (Weight w = operations.weight(matrix);
                      Tensor in = tensor(operations, tokens, columns, x);
                      Tensor b = tensor(operations, 1, features, bias);
                      Tensor out = operations.tensor(tokens, features)) {
                    operations.linear(in, w, b, out);
                    return values(operations, out);
                  }
                });
        assertClose(results, 3e-6);
      }
    }
  }

  /** The sums of packed weights are stated to the bit, for up to eight tokens. */
  @ParameterizedTest
  @CsvSource({"1, 9, 1300", "3, 8, 70", "8, 17, 33"})
  void packedWeightsGiveTheSameBits(int tokens, int features, int columns) {
    for (DType dtype : DType.values()) {
      assertSameBits(packedLinear(dtype, tokens, features, columns));
    }
  }

  @Test
  void moreTokensByUnpackedWeightsAgree() {
    for (DType dtype : DType.values()) {
      assertClose(packedLinear(dtype, 20, 9, 1100), 3e-6);
    }
  }

  private List<float[]> packedLinear(DType dtype, int tokens, int features, int columns) {
    WeightMatrix matrix = weight(dtype, features, columns, PlacedMatrix.Layout.DENSE);
    int bytes = dtype.bytes();
    for (long i = 0; i < matrix.elements(); i++) {
      if (random.nextBoolean()) {
        matrix.data().asSlice(i * bytes, bytes).fill((byte) 0);
      }
    }
    SparseMatrix packed = SparseMatrix.pack(matrix);
    float[] x = normal(tokens * columns);
    float[] bias = normal(features);
    return both(
        operations -> {
          try (Weight w = operations.sparseWeight(packed);
              Tensor in = tensor(operations, tokens, columns, x);
              Tensor b = tensor(operations, 1, features, bias);
              Tensor out = operations.tensor(tokens, features)) {
            operations.linear(in, w, b, out);
            return values(operations, out);
          }
        });
  }

  /** Float16 ends at 65504, and so did the activations of the Wanda code. */
  @Test
  void largeActivationsDontOverflow() {
    WeightMatrix matrix = weight(DType.F16, 20, 48, PlacedMatrix.Layout.DENSE);
    float[] x = normal(5 * 48);
    for (int i = 0; i < 48; i++) {
      x[i] *= 1e7f;
    }
    List<float[]> results =
        both(
            operations -> {
              try (Weight w = operations.weight(matrix);
                  Tensor in = tensor(operations, 5, 48, x);
                  Tensor out = operations.tensor(5, 20)) {
                operations.linear(in, w, null, out);
                return values(operations, out);
              }
            });
    for (float value : results.get(0)) {
      assertThat(value).isFinite();
    }
    assertClose(results, 3e-6);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,70", "2,4096", "5,5001"})
  void rmsNormAgrees(int rows, int columns) {
    float[] x = normal(rows * columns);
    float[] gain = normal(columns);
    assertClose(
        both(
            operations -> {
              try (Tensor in = tensor(operations, rows, columns, x);
                  Tensor g = tensor(operations, 1, columns, gain)) {
                operations.rmsNorm(in, g, 1e-5f, in);
                return values(operations, in);
              }
            }),
        1e-6);
  }

  @Test
  void elementwiseOperationsGiveTheSameBits() {
    float[] a = normal(37 * 24);
    float[] b = normal(37 * 24);
    assertSameBits(
        both(
            operations -> {
              try (Tensor x = tensor(operations, 37, 24, a);
                  Tensor y = tensor(operations, 37, 24, b)) {
                operations.elementwise(new Elementwise.Add(), x, y, x);
                operations.elementwise(new Elementwise.Gate(Activation.SILU), x, y, y);
                operations.elementwise(new Elementwise.Gate(Activation.SILU), y, x, y);
                return values(operations, y);
              }
            }));
  }

  @Test
  void rotationGivesTheSameBits() {
    float[] x = normal(12 * 4 * 10);
    float[] cos = normal(6 * 5);
    float[] sin = normal(6 * 5);
    assertSameBits(
        both(
            operations -> {
              try (Tensor in = tensor(operations, 12, 40, x);
                  Tensor c = tensor(operations, 6, 5, cos);
                  Tensor s = tensor(operations, 6, 5, sin)) {
                operations.rotate(in, 10, c, s);
                return values(operations, in);
              }
            }));
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1,8,2",
    "70,4,2,24,2",
    "33,2,2,64,1",
    "65,6,1,80,1",
    "130,2,1,128,1",
    "20,1,1,256,3"
  })
  void attentionAgrees(int length, int heads, int keyValueHeads, int size, int sequences) {
    int tokens = sequences * length;
    AttentionShape shape =
        new AttentionShape(length, heads, keyValueHeads, size, (float) (1 / Math.sqrt(size)), 0, 0);
    float[] q = normal(tokens * heads * size);
    float[] k = normal(tokens * keyValueHeads * size);
    float[] v = normal(tokens * keyValueHeads * size);
    assertClose(
        both(
            operations -> {
              try (Tensor queries = tensor(operations, tokens, heads * size, q);
                  Tensor keys = tensor(operations, tokens, keyValueHeads * size, k);
                  Tensor values = tensor(operations, tokens, keyValueHeads * size, v);
                  Tensor out = operations.tensor(tokens, heads * size)) {
                operations.attention(queries, keys, values, shape, null, out);
                return values(operations, out);
              }
            }),
        2e-6);
  }

  /** The sums are kept in more digits than float32, and in the CPU's order. */
  @ParameterizedTest
  @CsvSource({"1,1", "300,3", "700,65", "5,1000"})
  void columnSquaresGiveTheSameNorms(int rows, int columns) {
    float[] first = normal(rows * columns);
    float[] second = normal(columns);
    List<float[]> results =
        both(
            operations -> {
              try (Tensor x = tensor(operations, rows, columns, first);
                  Tensor y = tensor(operations, 1, columns, second);
                  ColumnSquares squares = operations.columnSquares(columns)) {
                squares.add(x);
                squares.add(y);
                squares.add(x);
                return norms(squares.sums());
              }
            });
    assertSameBits(results);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "300,3", "700,150", "5,300"})
  void secondMomentsAreTheSame(int rows, int columns) {
    float[] first = normal(rows * columns);
    List<float[]> results =
        both(
            operations -> {
              float[] triangle = new float[Math.toIntExact(PackedTriangle.elements(columns))];
              try (Tensor x = tensor(operations, rows, columns, first);
                  SecondMoments moments = operations.secondMoments(columns)) {
                moments.add(x);
                moments.add(x);
                moments.download(3, MemorySegment.ofArray(triangle));
              }
              return triangle;
            });
    assertSameBits(results);
  }

  private static float[] norms(double[] sums) {
    float[] norms = new float[sums.length];
    for (int i = 0; i < sums.length; i++) {
      norms[i] = (float) Math.sqrt(sums[i]);
    }
    return norms;
  }

  @Test
  void crossEntropyAgrees() {
    List<float[]> logits = new ArrayList<>(List.of(normal(3 * 1000), normal(3 * 1000)));
    for (int i = 0; i < 3000; i++) {
      logits.get(1)[i] = logits.get(1)[i] * 40 - 500;
    }
    Stream.concat(logits.stream(), Stream.of(new float[3000]))
        .forEach(
            values -> {
              int[] targets = {0, 999, 500};
              double[] found = losses(gpu, values, targets);
              double[] expected = losses(scalar, values, targets);
              for (int i = 0; i < found.length; i++) {
                assertThat(found[i]).isCloseTo(expected[i], offset(2e-5));
              }
            });
  }

  private static double[] losses(Operations operations, float[] logits, int[] targets) {
    try (Tensor tensor = tensor(operations, 3, 1000, logits)) {
      return operations.crossEntropy(tensor, targets);
    }
  }
}
