package io.github.wandacuda.select;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import io.github.wandacuda.testing.selection.NonFiniteMatrix;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.PlacedMatrix.Layout;
import io.github.wandacuda.testing.selection.Select;
import io.github.wandacuda.testing.selection.SelectCase;
import io.github.wandacuda.testing.selection.Values;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;

/**
 * What tests of selection share. Each selection is made into another matrix and in place, with and
 * without a mask, and compared to the bit with the oracle, which shares no code with any backend;
 * the scalar specification is the first of the backends.
 */
abstract class SelectionCases {
  final RandomGenerator random = new SplittableRandom(7);

  private final OpenedBackend backend;

  SelectionCases(OpenedBackend backend) {
    this.backend = backend;
  }

  final TestedBackend which() {
    return backend.which();
  }

  final Selector selector() {
    return backend.selector();
  }

  /** Checks rows side by side. */
  final void check(DType dtype, int[][] bits, float[] norms, SelectionRule rule) {
    check(dtype, bits, norms, rule, Layout.DENSE, Layout.DENSE);
  }

  final void check(
      DType dtype, int[][] bits, float[] norms, SelectionRule rule, Layout from, Layout to) {
    int columns = bits[0].length;
    String name = "%s %s, %d columns, %s to %s".formatted(dtype, rule, columns, from, to);
    new SelectCase(dtype, bits, columns, norms, rule).check(name, selector(), from, to);
  }

  /** Checks rows of a kind. */
  final void check(
      RandomGenerator random,
      DType dtype,
      Values values,
      Norms norms,
      int rows,
      int columns,
      SelectionRule rule) {
    int[][] bits = values.matrix(random, dtype, rows, columns);
    check(dtype, bits, norms.vector(random, columns), rule);
  }

  /** Checks rows of all kinds, each with norms of some kind. */
  final void checkAllValues(
      RandomGenerator random, DType dtype, int rows, int columns, SelectionRule rule) {
    for (Values values : Values.values()) {
      check(random, dtype, values, one(Norms.values(), random), rows, columns, rule);
    }
  }

  /** Checks rows that lie in each way and go where others lie in each way. */
  final void checkAllLayouts(
      RandomGenerator random, DType dtype, int rows, int columns, SelectionRule rule) {
    int[][] bits = Values.FEW.matrix(random, dtype, rows, columns);
    float[] norms = Norms.LOGNORMAL.vector(random, columns);
    for (Layout from : Layout.values()) {
      for (Layout to : Layout.values()) {
        check(dtype, bits, norms, rule, from, to);
      }
    }
  }

  /** Checks that an element that isn't finite is named, in matrices that lie in each way. */
  final void checkNonFinite(DType dtype, int columns, SelectionRule rule) {
    eachNonFinite(dtype, columns, matrix -> matrix.checkSelection(selector(), rule));
  }

  final void eachNonFinite(DType dtype, int columns, Consumer<NonFiniteMatrix> check) {
    for (Layout layout : Layout.values()) {
      for (int kind = 0; kind < 4; kind++) {
        check.accept(
            NonFiniteMatrix.draw(random, layout, dtype, 6, columns, kind % 2 == 0, kind / 2 == 0));
      }
    }
  }

  /** Prunes one row in place. */
  final void select(float[] weights, float[] norms, SelectionRule rule) {
    WeightMatrix matrix =
        WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 1, weights.length);
    Select.once(selector(), matrix, norms, rule, matrix, null);
  }

  /** Checks that nothing comes of a matrix without rows or without columns. */
  final void checkWithoutElements(SelectionRule rule) {
    for (WeightMatrix empty :
        new WeightMatrix[] {matrix(DType.BF16, 0, 8), matrix(DType.BF16, 8, 0)}) {
      float[] norms = new float[empty.columns()];
      MemorySegment mask = Arena.ofAuto().allocate(0);
      assertThat(Select.once(selector(), empty, norms, rule, empty, mask))
          .isEqualTo(new Selection(0, 0));
    }
  }

  /** Returns a matrix of zeros, one row after the other. */
  static WeightMatrix matrix(DType dtype, int rows, int columns) {
    return WeightMatrix.of(
        Arena.ofAuto().allocate((long) rows * columns * dtype.bytes()), dtype, rows, columns);
  }

  static PlacedMatrix dense(DType dtype, int[][] bits) {
    return PlacedMatrix.of(Layout.DENSE, dtype, bits.length, bits[0].length).filled(bits);
  }

  /** Returns rows in which all elements have the same bits. */
  static int[][] filled(int rows, int columns, int bits) {
    int[][] filled = new int[rows][columns];
    for (int[] row : filled) {
      Arrays.fill(row, bits);
    }
    return filled;
  }

  static <T> T one(T[] kinds, RandomGenerator random) {
    return kinds[random.nextInt(kinds.length)];
  }
}
