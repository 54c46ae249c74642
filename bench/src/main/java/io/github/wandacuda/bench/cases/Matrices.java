package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.bench.common.NormalWeights;
import io.github.wandacuda.bench.common.WeightBytes;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.stream.IntStream;

/** Matrices outside of the heap, and how their sizes are written. */
public final class Matrices {
  private static final long CACHE_LINE = 64;

  private Matrices() {}

  /** Parses sizes such as {@code 4096x11008}. */
  public static int[] sizes(String text) {
    return Arrays.stream(text.split("x", -1)).mapToInt(Integer::parseInt).toArray();
  }

  /** Returns a matrix of zeros. */
  public static WeightMatrix zeros(Arena arena, DType dtype, int rows, int columns) {
    long bytes = (long) rows * columns * dtype.bytes();
    return WeightMatrix.of(arena.allocate(bytes, CACHE_LINE), dtype, rows, columns);
  }

  /** Returns weights to select from. */
  static WeightMatrix weights(
      Arena arena, DType dtype, int rows, int columns, DataKind kind, float[] norms) {
    WeightMatrix matrix = zeros(arena, dtype, rows, columns);
    fill(matrix, new WeightRows(kind, dtype, norms), 1, 0);
    return matrix;
  }

  /** Returns normal numbers of a standard deviation. */
  static WeightMatrix normal(
      Arena arena, DType dtype, int rows, int columns, double deviation, int seed) {
    WeightMatrix matrix = zeros(arena, dtype, rows, columns);
    WeightRows values = new WeightRows(DataKind.GAUSSIAN, dtype, new float[0]);
    fill(matrix, values, (float) (deviation / NormalWeights.DEVIATION), seed * rows);
    return matrix;
  }

  private static void fill(WeightMatrix matrix, WeightRows values, float scale, int firstRow) {
    IntStream.range(0, matrix.rows())
        .parallel()
        .forEach(
            row -> {
              float[] content = new float[matrix.columns()];
              values.fill(content, firstRow + row);
              long at = (long) row * content.length;
              for (int column = 0; column < content.length; column++) {
                WeightBytes.set(
                    matrix.data(), matrix.dtype(), at + column, scale * content[column]);
              }
            });
  }
}
