package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;

/** Random weights and norms, and what pruning them comes to, by plain sorting. */
final class Weights {
  private Weights() {}

  /** Returns normal numbers in memory that all threads may use. */
  static WeightMatrix random(DType dtype, int rows, int columns, long seed) {
    return random(Arena.ofAuto(), dtype, rows, columns, seed);
  }

  /** Returns normal numbers. */
  static WeightMatrix random(Arena arena, DType dtype, int rows, int columns, long seed) {
    WeightMatrix matrix =
        WeightMatrix.of(
            arena.allocate(Math.max(1, (long) rows * columns * dtype.bytes()), 8),
            dtype,
            rows,
            columns);
    Random random = new Random(seed);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        set(matrix, row, column, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  /** Sets an element to the nearest value of its type, or the one below. */
  static void set(WeightMatrix matrix, int row, int column, float value) {
    long at = matrix.byteOffset(row, column);
    switch (matrix.dtype()) {
      case F32 -> matrix.data().set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, value);
      case F16 ->
          matrix.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16(value));
      case BF16 ->
          matrix
              .data()
              .set(
                  ValueLayout.JAVA_SHORT_UNALIGNED,
                  at,
                  (short) (Float.floatToRawIntBits(value) >>> 16));
    }
  }

  /** Returns norms, one of them zero. */
  static float[] norms(int columns, long seed) {
    Random random = new Random(seed);
    float[] norms = new float[columns];
    for (int column = 1; column < columns; column++) {
      norms[column] = 0.5f + random.nextFloat();
    }
    return norms;
  }

  /** Returns a dense copy of the elements on the heap. */
  static WeightMatrix copy(WeightMatrix matrix) {
    WeightMatrix copy =
        WeightMatrix.of(
            MemorySegment.ofArray(new byte[(int) (matrix.elements() * matrix.dtype().bytes())]),
            matrix.dtype(),
            matrix.rows(),
            matrix.columns());
    for (int row = 0; row < matrix.rows(); row++) {
      for (int column = 0; column < matrix.columns(); column++) {
        MemorySegment.copy(
            matrix.data(),
            matrix.byteOffset(row, column),
            copy.data(),
            copy.byteOffset(row, column),
            matrix.dtype().bytes());
      }
    }
    return copy;
  }

  /** Returns the elements' bytes, row by row. */
  static byte[] bytes(WeightMatrix matrix) {
    return copy(matrix).data().toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Returns what is kept.
   *
   * @param norms or null to score by magnitude within each row or group
   */
  static boolean[][] kept(WeightMatrix matrix, float[] norms, Sparsity sparsity) {
    int columns = matrix.columns();
    boolean[][] kept = new boolean[matrix.rows()][columns];
    int size = sparsity instanceof Sparsity.GroupPattern pattern ? pattern.size() : columns;
    int count =
        switch (sparsity) {
          case Sparsity.GroupPattern pattern -> pattern.pruned();
          case Sparsity.Ratio ratio -> (int) Math.floor(columns * ratio.fraction());
        };
    for (int row = 0; row < matrix.rows(); row++) {
      int line = row;
      for (int first = 0; first < columns; first += size) {
        IntStream.range(first, first + size)
            .boxed()
            .sorted(
                Comparator.<Integer, Float>comparing(
                        column ->
                            Math.abs(matrix.get(line, column))
                                * (norms == null ? 1 : norms[column]))
                    .thenComparing(Comparator.naturalOrder()))
            .skip(count)
            .forEach(column -> kept[line][column] = true);
      }
    }
    return kept;
  }

  /** Checks that a result is its source with just those weights +0.0 that aren't kept. */
  static void check(WeightMatrix result, WeightMatrix source, boolean[][] kept) {
    assertThat(bytes(result)).isEqualTo(bytes(pruned(source, kept)));
  }

  /** Returns a dense copy with +0.0 for what isn't kept. */
  static WeightMatrix pruned(WeightMatrix source, boolean[][] kept) {
    WeightMatrix expected = copy(source);
    for (int row = 0; row < source.rows(); row++) {
      for (int column = 0; column < source.columns(); column++) {
        if (!kept[row][column]) {
          set(expected, row, column, 0);
        }
      }
    }
    return expected;
  }

  /** Returns a mask of the same content. */
  static Mask mask(boolean[][] kept) {
    Mask mask = Mask.allocate(kept.length, kept[0].length);
    for (int row = 0; row < kept.length; row++) {
      for (int column = 0; column < kept[row].length; column++) {
        mask.set(row, column, kept[row][column]);
      }
    }
    return mask;
  }

  /** Returns a mask's bytes. */
  static byte[] bytes(Mask mask) {
    return mask.bits().toArray(ValueLayout.JAVA_BYTE);
  }

  /** Returns how many are false. */
  static long pruned(boolean[][] kept) {
    long count = 0;
    for (boolean[] row : kept) {
      for (boolean one : row) {
        count += one ? 0 : 1;
      }
    }
    return count;
  }
}
