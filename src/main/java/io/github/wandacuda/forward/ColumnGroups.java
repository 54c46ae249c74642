package io.github.wandacuda.forward;

/**
 * Groups of neighbouring columns, and where a copy of them is.
 *
 * @param count how many groups there are
 * @param width columns of a group
 * @param from the first group's first column
 * @param fromStride columns from a group's first to the next group's first; 0 takes the same group
 *     again and again
 * @param to the first group's first column in the copy
 * @param toStride as {@code fromStride} in the copy; the width at least
 */
public record ColumnGroups(int count, int width, int from, int fromStride, int to, int toStride) {
  /**
   * Checks the groups.
   *
   * @throws IllegalArgumentException if a number is negative, the width is 0, or groups of the copy
   *     would overlap
   */
  public ColumnGroups {
    if (count < 0 || width < 1 || from < 0 || fromStride < 0 || to < 0 || toStride < width) {
      throw new IllegalArgumentException(
          "%d groups of %d columns from column %d, %d apart, to column %d, %d apart"
              .formatted(count, width, from, fromStride, to, toStride));
    }
  }

  /**
   * Returns as many groups as a copy has room for, one beside the other from its column 0 on.
   *
   * @param from the first group's first column
   * @param columns of the copy, a multiple of {@code width}
   * @throws IllegalArgumentException if they aren't
   */
  static ColumnGroups all(int from, int width, int fromStride, int columns) {
    if (width < 1 || columns % width != 0) {
      throw new IllegalArgumentException("groups of %d columns in %d".formatted(width, columns));
    }
    return new ColumnGroups(columns / width, width, from, fromStride, 0, width);
  }

  /** Returns the columns of all groups together. */
  public int columns() {
    return count * width;
  }

  /** Returns the column behind the last group, in the source. */
  long fromEnd() {
    return from + (count - 1L) * fromStride + width;
  }

  /** Returns the column behind the last group, in the copy. */
  long toEnd() {
    return to + (count - 1L) * toStride + width;
  }
}
