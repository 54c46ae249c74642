package io.github.wandacuda.scalar;

/** SparseGPT within a block of columns as plain loops over a row. */
public final class ScalarSparseGpt implements SparseGptKernels {
  @Override
  public void keys(float[] rows, int count, ColumnBlock block, int[] keys, int at) {
    for (int row = 0; row < count; row++) {
      for (int c = 0; c < block.width(); c++) {
        keys[at + row * block.width() + c] = key(rows[row * block.stride() + c], block, c);
      }
    }
  }

  private static int key(float weight, ColumnBlock block, int column) {
    float score = weight * weight / block.diagonalSquare(column);
    return Float.floatToRawIntBits(score) & Integer.MAX_VALUE;
  }

  @Override
  public void pruneAtMost(
      int threshold, float[] rows, int count, ColumnBlock block, float[] changes, long[] kept) {
    for (int row = 0; row < count; row++) {
      int at = row * block.stride();
      boolean[] pruned = block.dead().clone();
      for (int c = 0; c < block.width(); c++) {
        pruned[c] |= key(rows[at + c], block, c) <= threshold;
      }
      for (int c = 0; c < block.width(); c++) {
        take(c, pruned[c], rows, at, block, changes);
      }
      writeKept(pruned, kept, row * block.words(), block.words());
    }
  }

  @Override
  public void pruneGroups(
      int pruned,
      int size,
      float[] rows,
      int count,
      ColumnBlock block,
      float[] changes,
      long[] kept) {
    for (int row = 0; row < count; row++) {
      int at = row * block.stride();
      boolean[] marks = block.dead().clone();
      for (int c = 0; c < block.width(); c++) {
        if (c % size == 0) {
          markLowest(pruned, size, rows, at, c, block, marks);
        }
        take(c, marks[c], rows, at, block, changes);
      }
      writeKept(marks, kept, row * block.words(), block.words());
    }
  }

  /** Marks those of a group that fewer than {@code pruned} others come before. */
  private static void markLowest(
      int pruned, int size, float[] rows, int at, int first, ColumnBlock block, boolean[] marks) {
    int[] keys = new int[size];
    for (int i = 0; i < size; i++) {
      keys[i] = key(rows[at + first + i], block, first + i);
    }
    for (int i = 0; i < size; i++) {
      int before = 0;
      for (int other = 0; other < size; other++) {
        boolean lower = keys[other] < keys[i] || (keys[other] == keys[i] && other < i);
        before += lower ? 1 : 0;
      }
      marks[first + i] |= before < pruned;
    }
  }

  /** Takes one column of a row: prunes the weight or not, and lets those to the right make up. */
  private static void take(
      int column, boolean pruned, float[] rows, int at, ColumnBlock block, float[] changes) {
    float change = pruned ? -(rows[at + column] / block.diagonal(column)) : 0;
    int upper = column * block.stride();
    for (int j = column + 1; j < block.width(); j++) {
      rows[at + j] = Math.fma(change, block.upper()[upper + j], rows[at + j]);
    }
    if (pruned) {
      rows[at + column] = 0;
    }
    changes[at + column] = change;
  }

  private static void writeKept(boolean[] pruned, long[] kept, int at, int words) {
    for (int word = 0; word < words; word++) {
      kept[at + word] = 0;
    }
    for (int c = 0; c < pruned.length; c++) {
      kept[at + c / Long.SIZE] |= pruned[c] ? 0 : 1L << c;
    }
  }
}
