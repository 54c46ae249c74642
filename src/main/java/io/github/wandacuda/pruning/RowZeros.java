package io.github.wandacuda.pruning;

import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The zeros of one row of a matrix at a time, +0.0 and -0.0 alike.
 *
 * <p>Eight bytes of the row are looked at at once: four weights, or two of F32. That keeps up with
 * memory, and a small model is done before these loops have been compiled.
 */
final class RowZeros {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final long SIGNS_OF_TWO = 0x8000_0000_8000_0000L;
  private static final long SIGNS_OF_FOUR = 0x8000_8000_8000_8000L;

  private final int columns;
  private final int elementBytes;
  private final int lanes;
  private final long signs;
  private final long[] words;
  private final MemorySegment row;

  RowZeros(DType dtype, int columns) {
    this.columns = columns;
    elementBytes = dtype.bytes();
    lanes = Long.BYTES / elementBytes;
    signs = dtype == DType.F32 ? SIGNS_OF_TWO : SIGNS_OF_FOUR;
    words = new long[Math.ceilDiv(columns, lanes)];
    row = MemorySegment.ofArray(words);
    // What the last word holds beyond the row is never written to, and must not look like a zero.
    row.fill((byte) -1);
  }

  /** Reads a row; the element type and columns are those this was made for. */
  void read(WeightMatrix matrix, int index) {
    if (!matrix.hasDenseRows()) {
      readStrided(matrix, index);
    } else if (matrix.dtype() == DType.F32) {
      MemorySegment.copy(
          matrix.data(),
          INT,
          matrix.byteOffset(index, 0),
          row,
          ValueLayout.JAVA_INT_UNALIGNED,
          0,
          columns);
    } else {
      MemorySegment.copy(
          matrix.data(),
          SHORT,
          matrix.byteOffset(index, 0),
          row,
          ValueLayout.JAVA_SHORT_UNALIGNED,
          0,
          columns);
    }
  }

  private void readStrided(WeightMatrix matrix, int index) {
    for (int column = 0; column < columns; column++) {
      long from = matrix.byteOffset(index, column);
      long to = (long) column * elementBytes;
      if (matrix.dtype() == DType.F32) {
        row.set(ValueLayout.JAVA_INT_UNALIGNED, to, matrix.data().get(INT, from));
      } else {
        row.set(ValueLayout.JAVA_SHORT_UNALIGNED, to, matrix.data().get(SHORT, from));
      }
    }
  }

  /** Returns the row's zeros. */
  int count() {
    return count(0, words.length);
  }

  /** Returns whether every group has the zeros that a pattern of a multiple of 4 asks for. */
  boolean holds(Sparsity.GroupPattern pattern) {
    if (columns % pattern.size() != 0) {
      return false;
    }
    int groupWords = pattern.size() / lanes;
    for (int word = 0; word < words.length; word += groupWords) {
      if (count(word, word + groupWords) < pattern.pruned()) {
        return false;
      }
    }
    return true;
  }

  private int count(int from, int to) {
    int others = 0;
    for (int word = from; word < to; word++) {
      // Adding the greatest magnitude carries into the sign of any lane but a zero's, no further.
      long magnitudes = words[word] & ~signs;
      others += Long.bitCount((magnitudes + ~signs) & signs);
    }
    return (to - from) * lanes - others;
  }
}
