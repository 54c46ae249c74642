package io.github.wandacuda.parity;

import static io.github.wandacuda.parity.BothOperations.tensor;
import static io.github.wandacuda.parity.BothOperations.values;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Tensor;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What holds for the parts that decoder families differ in, on any backend: they agree with the
 * scalar ones, to the bit where no sum is involved, else within the rounding of a float32 sum.
 */
@TestInstance(Lifecycle.PER_CLASS)
abstract class DecoderPartsParity {
  private Backend backend;
  private BothOperations both;

  abstract Backend device();

  @BeforeAll
  void open() {
    backend = device();
    both = new BothOperations(backend.operations());
  }

  @AfterAll
  void close() {
    if (backend != null) {
      both.close();
      backend.close();
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,70", "2,4096", "5,5001", "33,17"})
  void layerNormAgrees(int rows, int columns) {
    float[] x = both.normal(rows * columns, 3);
    for (int i = 0; i < x.length; i++) {
      x[i] += 5;
    }
    float[] gain = both.normal(columns, 1);
    float[] bias = both.normal(columns, 1);
    for (boolean biased : new boolean[] {true, false}) {
      both.close(
          "bias " + biased,
          2e-6,
          operations -> {
            try (Tensor in = tensor(operations, rows, columns, x);
                Tensor g = tensor(operations, 1, columns, gain);
                Tensor b = tensor(operations, 1, columns, bias);
                Tensor out = operations.tensor(rows, columns)) {
              operations.layerNorm(in, g, biased ? b : null, 1e-5f, out);
              operations.layerNorm(in, g, biased ? b : null, 1e-5f, in);
              assertThat(values(operations, in)).isEqualTo(values(operations, out));
              return values(operations, out);
            }
          });
    }
  }

  @ParameterizedTest
  @EnumSource
  void activationsGiveTheSameBits(Activation activation) {
    float[] x = both.withEdges(37 * 24, 4);
    float[] up = both.normal(37 * 24, 1);
    both.sameBits(
        "activate",
        operations -> {
          try (Tensor in = tensor(operations, 37, 24, x);
              Tensor out = operations.tensor(37, 24)) {
            operations.elementwise(activation, in, null, out);
            operations.elementwise(activation, in, null, in);
            assertThat(values(operations, in)).isEqualTo(values(operations, out));
            return values(operations, out);
          }
        });
    both.sameBits(
        "gate",
        operations -> {
          try (Tensor in = tensor(operations, 37, 24, x);
              Tensor other = tensor(operations, 37, 24, up);
              Tensor out = operations.tensor(37, 24)) {
            operations.elementwise(new Elementwise.Gate(activation), in, other, out);
            operations.elementwise(new Elementwise.Gate(activation), in, other, other);
            assertThat(values(operations, other)).isEqualTo(values(operations, out));
            return values(operations, out);
          }
        });
  }

  /** Every 65,536th float. */
  @ParameterizedTest
  @EnumSource
  void activationsGiveTheSameBitsOverTheWholeRange(Activation activation) {
    float[] x = new float[1 << 16];
    for (int i = 0; i < x.length; i++) {
      x[i] = Float.intBitsToFloat(i << 16 | i * 31 & 0xffff);
    }
    both.sameBits(
        activation.name(),
        operations -> {
          try (Tensor in = tensor(operations, 256, 256, x)) {
            operations.elementwise(activation, in, null, in);
            return values(operations, in);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,85", "257,1", "31,1031"})
  void scalingGivesTheSameBits(int rows, int columns) {
    float[] x = both.withEdges(rows * columns, 40);
    both.sameBits(
        "scale and softcap",
        operations -> {
          try (Tensor in = tensor(operations, rows, columns, x)) {
            operations.elementwise(new Elementwise.Softcap(30f), in, null, in);
            operations.elementwise(new Elementwise.Scale(1.7f), in, null, in);
            operations.elementwise(new Elementwise.Softcap(4.5f), in, null, in);
            return values(operations, in);
          }
        });
  }

  @Test
  void clearingLeavesTheRestAlone() {
    float[] x = both.withEdges(5 * 7, 1);
    both.sameBits(
        "clear",
        operations -> {
          try (Tensor in = tensor(operations, 5, 7, x)) {
            operations.clear(in.rows(1, 3).rows(1, 2));
            operations.clear(in.rows(0, 0));
            return values(operations, in);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({"10,5", "10,2", "16,1", "7,3", "80,10", "128,16"})
  void rotationOfAPartGivesTheSameBits(int headSize, int pairs) {
    float[] x = both.normal(12 * 3 * headSize, 1);
    float[] cos = both.normal(6 * pairs, 1);
    float[] sin = both.normal(6 * pairs, 1);
    both.sameBits(
        "rotate",
        operations -> {
          try (Tensor in = tensor(operations, 12, 3 * headSize, x);
              Tensor c = tensor(operations, 6, pairs, cos);
              Tensor s = tensor(operations, 6, pairs, sin)) {
            operations.rotate(in, headSize, c, s);
            return values(operations, in);
          }
        });
  }

  /** The columns of q, k and v as decoders lay them out: side by side, by head, by group. */
  @ParameterizedTest
  @CsvSource({"0,24,0,1", "24,12,0,1", "0,4,12,4", "8,4,12,4", "0,8,16,3", "12,4,16,3", "5,1,7,6"})
  void columnsAreGathered(int offset, int width, int stride, int groups) {
    float[] x = both.withEdges(9 * 48, 1);
    both.sameBits(
        "gatherColumns",
        operations -> {
          try (Tensor in = tensor(operations, 9, 48, x);
              Tensor out = operations.tensor(9, groups * width)) {
            operations.gatherColumns(in, offset, width, stride, out);
            return values(operations, out);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({"1,1", "5,7", "16,64", "40,1030"})
  void rowsAreGatheredAndAdded(int count, int columns) {
    int tokens = 2 * count + 1;
    int[] rows = new int[count];
    Arrays.setAll(rows, i -> 2 * (count - 1 - i));
    float[] factors = both.normal(count, 1);
    float[] x = both.withEdges(tokens * columns, 1);
    both.sameBits(
        "gatherRows and addRows",
        operations -> {
          try (Tensor in = tensor(operations, tokens, columns, x);
              Tensor some = operations.tensor(count, columns);
              Tensor sum = tensor(operations, tokens, columns, x)) {
            operations.gatherRows(in, rows, some);
            operations.addRows(some, rows, factors, sum);
            operations.addRows(some.rows(0, 0), new int[0], new float[0], sum);
            return values(operations, sum);
          }
        });
  }

  @Test
  void headsAreRowsOfAnotherView() {
    float[] x = both.normal(6 * 12, 1);
    float[] gain = both.normal(4, 1);
    both.close(
        "norm by head",
        2e-6,
        operations -> {
          try (Tensor in = tensor(operations, 6, 12, x);
              Tensor g = tensor(operations, 1, 4, gain)) {
            Tensor heads = in.rows(1, 4).reshaped(12, 4);
            assertThat(heads.overlaps(in.rows(0, 1))).isFalse();
            assertThat(heads.overlaps(in.rows(4, 1))).isTrue();
            operations.rmsNorm(heads, g, 1e-5f, heads);
            return values(operations, in);
          }
        });
  }
}
