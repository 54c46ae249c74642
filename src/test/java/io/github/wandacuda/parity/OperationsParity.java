package io.github.wandacuda.parity;

import static io.github.wandacuda.parity.BothOperations.tensor;
import static io.github.wandacuda.parity.BothOperations.values;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.Values;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.Function;
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
  private Backend backend;
  private BothOperations both;

  abstract Gpu device();

  @BeforeAll
  void open() {
    backend = device().open();
    both = new BothOperations(backend.operations());
  }

  @AfterAll
  void close() {
    if (backend != null) {
      both.close();
      backend.close();
    }
  }

  private WeightMatrix weight(DType dtype, int rows, int columns, PlacedMatrix.Layout layout) {
    return PlacedMatrix.of(layout, dtype, rows, columns)
        .filled(Values.GAUSSIAN.matrix(new SplittableRandom(rows), dtype, rows, columns))
        .view();
  }

  @Test
  void tensorsAreZerosAndShareRows() {
    try (Tensor tensor = both.own().tensor(5, 7)) {
      assertThat(values(both.own(), tensor)).containsOnly(0f);
      both.own().upload(MemorySegment.ofArray(both.normal(14, 1)), tensor.rows(1, 3).rows(1, 2));
      assertThat(values(both.own(), tensor.rows(0, 2))).containsOnly(0f);
      assertThat(values(both.own(), tensor.rows(2, 2))).doesNotContain(0f);
    }
  }

  @ParameterizedTest
  @EnumSource
  void embedWidensExactly(DType dtype) {
    for (PlacedMatrix.Layout layout : PlacedMatrix.Layout.values()) {
      WeightMatrix table = weight(dtype, 9, 71, layout);
      both.sameBits(
          "embedWidensExactly",
          operations -> {
            try (Weight weight = operations.weight(table);
                Tensor out = operations.tensor(4, 71)) {
              operations.embed(weight, new int[] {8, 0, 3, 3}, out);
              return values(operations, out);
            }
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "3,33,17", "70,40,130", "129,136,65", "65,129,300"})
  void linearAgrees(int tokens, int features, int columns) {
    float[] x = both.normal(tokens * columns, 1);
    float[] bias = both.normal(features, 1);
    for (DType dtype : DType.values()) {
      for (PlacedMatrix.Layout layout :
          List.of(PlacedMatrix.Layout.WIDE_ROWS, PlacedMatrix.Layout.TRANSPOSED)) {
        WeightMatrix matrix = weight(dtype, features, columns, layout);
        both.close(
            "linearAgrees",
            3e-6,
            operations -> {
              try (Weight w = operations.weight(matrix);
                  Tensor in = tensor(operations, tokens, columns, x);
                  Tensor b = tensor(operations, 1, features, bias);
                  Tensor out = operations.tensor(tokens, features)) {
                operations.linear(in, w, b, out);
                return values(operations, out);
              }
            });
      }
    }
  }

  /** The sums of packed weights are stated to the bit, for up to eight tokens. */
  @ParameterizedTest
  @CsvSource({"1, 9, 1300", "3, 8, 70", "8, 17, 33"})
  void packedWeightsGiveTheSameBits(int tokens, int features, int columns) {
    for (DType dtype : DType.values()) {
      both.sameBits("packed " + dtype, packedLinear(dtype, tokens, features, columns));
    }
  }

  @Test
  void moreTokensByUnpackedWeightsAgree() {
    for (DType dtype : DType.values()) {
      both.close("packed " + dtype, 3e-6, packedLinear(dtype, 20, 9, 1100));
    }
  }

  private Function<Operations, float[]> packedLinear(
      DType dtype, int tokens, int features, int columns) {
    WeightMatrix matrix = weight(dtype, features, columns, PlacedMatrix.Layout.DENSE);
    int bytes = dtype.bytes();
    Random random = new Random(11);
    for (long i = 0; i < matrix.elements(); i++) {
      if (random.nextBoolean()) {
        matrix.data().asSlice(i * bytes, bytes).fill((byte) 0);
      }
    }
    SparseMatrix packed = SparseMatrix.pack(matrix);
    float[] x = both.normal(tokens * columns, 1);
    float[] bias = both.normal(features, 1);
    return operations -> {
      try (Weight w = operations.sparseWeight(packed);
          Tensor in = tensor(operations, tokens, columns, x);
          Tensor b = tensor(operations, 1, features, bias);
          Tensor out = operations.tensor(tokens, features)) {
        operations.linear(in, w, b, out);
        return values(operations, out);
      }
    };
  }

  /** Float16 ends at 65504, and so did the activations of the Wanda code. */
  @Test
  void largeActivationsDontOverflow() {
    WeightMatrix matrix = weight(DType.F16, 20, 48, PlacedMatrix.Layout.DENSE);
    float[] x = both.normal(5 * 48, 1);
    for (int i = 0; i < 48; i++) {
      x[i] *= 1e7f;
    }
    Function<Operations, float[]> product =
        operations -> {
          try (Weight w = operations.weight(matrix);
              Tensor in = tensor(operations, 5, 48, x);
              Tensor out = operations.tensor(5, 20)) {
            operations.linear(in, w, null, out);
            return values(operations, out);
          }
        };
    for (float value : product.apply(both.own())) {
      assertThat(value).isFinite();
    }
    both.close("largeActivationsDontOverflow", 3e-6, product);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,70", "2,4096", "5,5001"})
  void rmsNormAgrees(int rows, int columns) {
    float[] x = both.normal(rows * columns, 1);
    float[] gain = both.normal(columns, 1);
    both.close(
        "rmsNormAgrees",
        1e-6,
        operations -> {
          try (Tensor in = tensor(operations, rows, columns, x);
              Tensor g = tensor(operations, 1, columns, gain)) {
            operations.rmsNorm(in, g, 1e-5f, in);
            return values(operations, in);
          }
        });
  }

  @Test
  void elementwiseOperationsGiveTheSameBits() {
    float[] a = both.normal(37 * 24, 1);
    float[] b = both.normal(37 * 24, 1);
    both.sameBits(
        "elementwiseOperationsGiveTheSameBits",
        operations -> {
          try (Tensor x = tensor(operations, 37, 24, a);
              Tensor y = tensor(operations, 37, 24, b)) {
            operations.elementwise(new Elementwise.Add(), x, y, x);
            operations.elementwise(new Elementwise.Gate(Activation.SILU), x, y, y);
            operations.elementwise(new Elementwise.Gate(Activation.SILU), y, x, y);
            return values(operations, y);
          }
        });
  }

  @Test
  void rotationGivesTheSameBits() {
    float[] x = both.normal(12 * 4 * 10, 1);
    float[] cos = both.normal(6 * 5, 1);
    float[] sin = both.normal(6 * 5, 1);
    both.sameBits(
        "rotationGivesTheSameBits",
        operations -> {
          try (Tensor in = tensor(operations, 12, 40, x);
              Tensor c = tensor(operations, 6, 5, cos);
              Tensor s = tensor(operations, 6, 5, sin)) {
            operations.rotate(in, 10, c, s);
            return values(operations, in);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1,8,2", "70,4,2,24,2", "33,2,2,64,1",
    "65,6,1,80,1", "130,2,1,128,1", "20,1,1,256,3"
  })
  void attentionAgrees(int length, int heads, int keyValueHeads, int size, int sequences) {
    int tokens = sequences * length;
    AttentionShape shape =
        new AttentionShape(
            length, 0, heads, keyValueHeads, size, (float) (1 / Math.sqrt(size)), 0, 0);
    float[] q = both.normal(tokens * heads * size, 1);
    float[] k = both.normal(tokens * keyValueHeads * size, 1);
    float[] v = both.normal(tokens * keyValueHeads * size, 1);
    both.close(
        "attentionAgrees",
        2e-6,
        operations -> {
          try (Tensor queries = tensor(operations, tokens, heads * size, q);
              Tensor keys = tensor(operations, tokens, keyValueHeads * size, k);
              Tensor values = tensor(operations, tokens, keyValueHeads * size, v);
              Tensor out = operations.tensor(tokens, heads * size)) {
            operations.attention(queries, keys, values, shape, null, out);
            return values(operations, out);
          }
        });
  }

  /** The sums are kept in more digits than float32, and in the CPU's order. */
  @ParameterizedTest
  @CsvSource({"1,1", "300,3", "700,65", "5,1000"})
  void columnSquaresGiveTheSameNorms(int rows, int columns) {
    float[] first = both.normal(rows * columns, 1);
    float[] second = both.normal(columns, 1);
    both.sameBits(
        "columnSquaresGiveTheSameNorms",
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
  }

  @ParameterizedTest
  @CsvSource({"1,1", "300,3", "700,150", "5,300"})
  void secondMomentsAreTheSame(int rows, int columns) {
    float[] first = both.normal(rows * columns, 1);
    both.sameBits(
        "secondMomentsAreTheSame",
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
    List<float[]> logits =
        new ArrayList<>(List.of(both.normal(3 * 1000, 1), both.normal(3 * 1000, 1)));
    for (int i = 0; i < 3000; i++) {
      logits.get(1)[i] = logits.get(1)[i] * 40 - 500;
    }
    Stream.concat(logits.stream(), Stream.of(new float[3000]))
        .forEach(
            values -> {
              int[] targets = {0, 999, 500};
              double[] found = losses(both.own(), values, targets);
              double[] expected = losses(both.scalar(), values, targets);
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
