package io.github.wandacuda.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.github.wandacuda.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A product of small whole numbers, whose sums are exact in any order. */
final class BfloatTrial {
  private static final int FEATURES = 20;
  private static final int COLUMNS = 35;

  private BfloatTrial() {}

  /** Returns whether a library gives the right product. */
  static boolean succeeds(OneDnn library) {
    int stride = BfloatTile.stride(COLUMNS);
    try (Arena arena = Arena.ofConfined();
        WorkerBuffers buffers = new WorkerBuffers();
        BfloatTile tile = new BfloatTile(library, FEATURES, COLUMNS);
        BfloatTile.Session session = tile.session(buffers, buffers.packed(tile.packedBytes()))) {
      MemorySegment x = arena.allocate(JAVA_SHORT, (long) BfloatTile.ROWS * stride);
      fill(x, BfloatTile.ROWS, stride);
      fill(buffers.plain(tile.plainBytes()), FEATURES, COLUMNS);
      session.pack();
      session.multiply(x);
      return isRight(buffers.sums(0));
    }
  }

  private static void fill(MemorySegment matrix, int rows, int stride) {
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < COLUMNS; column++) {
        short bits = (short) DType.BF16.bits(value(row, column));
        matrix.setAtIndex(JAVA_SHORT, (long) row * stride + column, bits);
      }
    }
  }

  private static int value(int row, int column) {
    return (5 * row + 3 * column) % 17 - 8;
  }

  private static boolean isRight(MemorySegment sums) {
    for (int row = 0; row < BfloatTile.ROWS; row++) {
      for (int feature = 0; feature < FEATURES; feature++) {
        int expected = 0;
        for (int column = 0; column < COLUMNS; column++) {
          expected += value(row, column) * value(feature, column);
        }
        if (sums.getAtIndex(JAVA_FLOAT, (long) row * FEATURES + feature) != expected) {
          return false;
        }
      }
    }
    return true;
  }
}
