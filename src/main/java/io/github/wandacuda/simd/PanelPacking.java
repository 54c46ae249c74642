package io.github.wandacuda.simd;

/** Copies matrices into the order in which a register tile reads them. */
final class PanelPacking {
  private PanelPacking() {}

  /** Returns {@code array}, or a new one if it has less than {@code rows * columns} elements. */
  public static float[] grown(float[] array, int rows, int columns) {
    int needed = Math.multiplyExact(rows, columns);
    return array.length < needed ? new float[needed] : array;
  }

  /**
   * Writes one row as a column of a matrix whose rows have {@code width} elements: element k is
   * written to {@code to[toOffset + k * width]}.
   */
  public static void stand(
      float[] from, int fromOffset, int depth, float[] to, int toOffset, int width) {
    for (int k = 0; k < depth; k++) {
      to[toOffset + k * width] = from[fromOffset + k];
    }
  }

  /**
   * Writes {@code rows} rows of {@code depth} elements, {@code stride} apart, as consecutive
   * columns of a matrix whose rows have {@code width} elements. Columns from {@code rows} on are
   * unchanged.
   */
  public static void stand(
      float[] from,
      int fromOffset,
      int stride,
      int rows,
      int depth,
      float[] to,
      int toOffset,
      int width) {
    for (int row = 0; row < rows; row++) {
      stand(from, fromOffset + row * stride, depth, to, toOffset + row, width);
    }
  }
}
