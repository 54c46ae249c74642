package io.github.wandacuda.pruning.mask;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The bits of one row of a matrix at a time, eight bytes to a word: four weights, or two of F32,
 * the first in the lowest bits. Loops over such words keep up with memory without the Vector API,
 * which a short command doesn't start for, and a small model is done before they have been
 * compiled.
 *
 * <p>A row takes a whole number of {@link #BITS} columns. What lies beyond the matrix's columns has
 * all bits set, and so looks like no zero.
 */
public final class RowWords {
  /** Columns that one word of {@link #zeros} tells about. */
  public static final int BITS = Long.SIZE;

  private static final long SIGNS_OF_TWO = 0x8000_0000_8000_0000L;
  private static final long SIGNS_OF_FOUR = 0x8000_8000_8000_8000L;

  /**
   * Brings a bit from {@code 16 * lane + 4 * word} to {@code 48 + 4 * word + lane}; no two of the
   * products' bits meet.
   */
  private static final long GATHER = 1L << 48 | 1L << 33 | 1L << 18 | 1L << 3;

  /**
   * Rows of a matrix with interleaved rows that are read together, since they share cache lines.
   */
  private static final int PANEL = 32;

  private final DType dtype;
  private final int columns;
  private final int lanes;
  private final long signs;
  private final int rowWords;

  /** One row, or those of a panel, one after the other. */
  private long[] words;

  /** {@link #words} as memory. */
  private MemorySegment memory;

  /** The matrix whose panel is in {@link #words}; null as long as there is none. */
  private WeightMatrix panelOf;

  private int panelStart;

  public RowWords(DType dtype, int columns) {
    this.dtype = dtype;
    this.columns = columns;
    lanes = Long.BYTES / dtype.bytes();
    signs = lanes == 2 ? SIGNS_OF_TWO : SIGNS_OF_FOUR;
    rowWords = Math.ceilDiv(columns, BITS) * (BITS / lanes);
    pad(1);
  }

  private void pad(int rows) {
    words = new long[Math.multiplyExact(rows, rowWords)];
    Arrays.fill(words, -1);
    memory = MemorySegment.ofArray(words);
  }

  /**
   * Reads a row, in the place of those that were read before.
   *
   * @param matrix of the element type and the columns that this was made for
   * @return where in {@link #words} it starts, for the methods that follow
   */
  public int read(WeightMatrix matrix, int row) {
    if (!matrix.hasDenseRows()) {
      return readInterleaved(matrix, row);
    }
    MemorySegment data = matrix.data();
    long at = matrix.byteOffset(row, 0);
    int whole = columns / lanes;
    MemorySegment.copy(data, LONG, at, memory, ValueLayout.JAVA_LONG, 0, whole);
    for (int column = whole * lanes; column < columns; column++) {
      set(0, column, bits(matrix, row, column));
    }
    return 0;
  }

  private int readInterleaved(WeightMatrix matrix, int row) {
    if (panelOf != matrix || row < panelStart || row >= panelStart + PANEL) {
      readPanel(matrix, row);
    }
    return (row - panelStart) * rowWords;
  }

  private void readPanel(WeightMatrix matrix, int first) {
    if (panelOf == null) {
      pad(PANEL);
    }
    int count = Math.min(PANEL, matrix.rows() - first);
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < count; row++) {
        set(row * rowWords, column, bits(matrix, first + row, column));
      }
    }
    panelOf = matrix;
    panelStart = first;
  }

  private void set(int start, int column, long bits) {
    int shift = column % lanes * dtype.bytes() * Byte.SIZE;
    long lane = (-1L >>> (Long.SIZE - dtype.bytes() * Byte.SIZE)) << shift;
    int word = start + column / lanes;
    words[word] = words[word] & ~lane | bits << shift;
  }

  /** Returns how many weights a word holds. */
  public int lanes() {
    return lanes;
  }

  /**
   * Returns which of 64 columns are zeros of any sign, the first one in the lowest bit.
   *
   * @param start the word that the columns begin with
   */
  public long zeros(int start) {
    return ~(lanes == 2 ? othersOfTwo(start) : othersOfFour(start));
  }

  private long othersOfFour(int start) {
    return sixteenOthers(start)
        | sixteenOthers(start + 4) << 16
        | sixteenOthers(start + 8) << 32
        | sixteenOthers(start + 12) << 48;
  }

  private long sixteenOthers(int start) {
    long flags =
        others(words[start], SIGNS_OF_FOUR) >>> 15
            | others(words[start + 1], SIGNS_OF_FOUR) >>> 11
            | others(words[start + 2], SIGNS_OF_FOUR) >>> 7
            | others(words[start + 3], SIGNS_OF_FOUR) >>> 3;
    return flags * GATHER >>> 48;
  }

  private long othersOfTwo(int start) {
    long others = 0;
    for (int half = 0; half < 2; half++) {
      long flags = 0;
      for (int at = 0; at < BITS / 4; at++) {
        flags |= others(words[start + half * BITS / 4 + at], SIGNS_OF_TWO) >>> 31 - 2 * at;
      }
      others |= ((flags | flags >>> 31) & 0xffff_ffffL) << 32 * half;
    }
    return others;
  }

  /** Returns the signs of the lanes that hold no zero. */
  private static long others(long word, long signs) {
    // Adding the greatest magnitude carries into the sign of any lane but a zero's, no further.
    return ((word & ~signs) + ~signs) & signs;
  }

  /**
   * Returns how many weights of a row are zeros.
   *
   * @param start where it starts, as {@link #read} has returned
   */
  public int count(int start) {
    return count(start, start + rowWords);
  }

  /**
   * Returns whether every group of a row has the zeros that a pattern asks for.
   *
   * @param start where it starts, as {@link #read} has returned
   * @param pattern of a group size that is a multiple of 4
   */
  public boolean holds(int start, Sparsity.GroupPattern pattern) {
    if (!pattern.fits(columns)) {
      return false;
    }
    int groupWords = pattern.size() / lanes;
    for (int word = start; word < start + columns / lanes; word += groupWords) {
      if (count(word, word + groupWords) < pattern.pruned()) {
        return false;
      }
    }
    return true;
  }

  /**
   * Counts zeros in some words. Each one's lanes that hold no zero become bits, which are shifted
   * so that as many words as a lane has bits are counted at once; the loop has no calls, since it
   * mostly runs before it has been compiled.
   */
  private int count(int from, int to) {
    long[] all = words;
    long magnitudes = ~signs;
    int others = 0;
    for (int word = from; word < to; ) {
      int end = Math.min(to, word + Long.SIZE / lanes);
      long bits = 0;
      for (int shift = 0; word < end; shift++, word++) {
        bits |= ((all[word] & magnitudes) + magnitudes & signs) >>> shift;
      }
      others += Long.bitCount(bits);
    }
    return (to - from) * lanes - others;
  }

  /**
   * Returns whether no weight of a row is zero.
   *
   * @param start where it starts, as {@link #read} has returned
   */
  public boolean hasNoZeros(int start) {
    long magnitudes = ~signs;
    long others = -1;
    for (int word = start; word < start + rowWords; word++) {
      others &= (words[word] & magnitudes) + magnitudes;
    }
    return (others & signs) == signs;
  }

  /**
   * Returns whether every weight of this row is that of another one, bit for bit, or +0.0.
   *
   * @param start where this row starts
   * @param before has the other row, of the same type and as many columns
   * @param beforeStart where the other one starts there
   */
  public boolean keepsOrZeroes(int start, RowWords before, int beforeStart) {
    long[] old = before.words;
    long magnitudes = ~signs;
    long wrong = 0;
    for (int word = 0; word < rowWords; word++) {
      long now = words[start + word];
      long changed = now ^ old[beforeStart + word];
      // A lane's sign says that any of its bits is set.
      wrong |=
          ((changed & magnitudes) + magnitudes | changed) & ((now & magnitudes) + magnitudes | now);
    }
    return (wrong & signs) == 0;
  }

  /** Returns an element's bits, 16 or 32 of them, as an unsigned number. */
  public static long bits(WeightMatrix matrix, int row, int column) {
    long at = matrix.byteOffset(row, column);
    return Integer.toUnsignedLong(matrix.dtype().bits(matrix.data(), at));
  }

  /** Returns an element as a number and its bits, such as {@code -0.0 (0x8000)}. */
  public static String text(WeightMatrix matrix, int row, int column) {
    String digits = "%0" + 2 * matrix.dtype().bytes() + "x";
    return "%s (0x%s)"
        .formatted(matrix.get(row, column), digits.formatted(bits(matrix, row, column)));
  }
}
