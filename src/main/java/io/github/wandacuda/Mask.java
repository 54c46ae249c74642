package io.github.wandacuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.function.LongBinaryOperator;

/**
 * Which weights of a matrix are kept, a bit for each: [rows, ceil(columns / 8)] bytes, one row
 * after the other, the least significant bit first, 1 for a weight that is kept, 0 for one that is
 * pruned. The bits that fill a row's last byte are 0; others are passed over.
 *
 * <p>A mask may be read by several threads at once, but not while one changes it.
 */
public final class Mask {
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int LONGEST_ARRAY = Integer.MAX_VALUE - 8;

  /** All bits of the elements that a mask's next bits keep, see {@link #kept(int)}. */
  private static final long[] KEPT_HALVES = kept(Short.SIZE);

  private static final long[] KEPT_WORDS = kept(Integer.SIZE);

  private final MemorySegment bits;
  private final int rows;
  private final int columns;
  private final long rowBytes;

  private Mask(MemorySegment bits, int rows, int columns) {
    this.bits = bits;
    this.rows = rows;
    this.columns = columns;
    rowBytes = rowBytes(columns);
  }

  /**
   * {@return a mask on the Java heap that keeps all weights}
   *
   * @param rows output features, 0 or more
   * @param columns input features, 0 or more
   * @throws IllegalArgumentException if a size is negative, or no Java array is long enough
   */
  public static Mask allocate(int rows, int columns) {
    long bytes = bytes(rows, columns);
    if (bytes > LONGEST_ARRAY) {
      throw new IllegalArgumentException(
          "mask of %d x %d: expected at most %d bytes on the heap, found %d"
              .formatted(rows, columns, LONGEST_ARRAY, bytes));
    }
    Mask mask = new Mask(MemorySegment.ofArray(new byte[(int) bytes]), rows, columns);
    mask.bits.fill((byte) -1);
    if (columns % Byte.SIZE != 0) {
      for (int row = 0; row < rows; row++) {
        long last = (row + 1) * mask.rowBytes - 1;
        mask.bits.set(ValueLayout.JAVA_BYTE, last, (byte) mask.lastBits());
      }
    }
    return mask;
  }

  /**
   * {@return a mask in memory of the caller's, which stays as it is and may be read-only if nothing
   * is written to it}
   *
   * @param bits at least rows * ceil(columns / 8) bytes, of which the first are the mask
   * @param rows output features, 0 or more
   * @param columns input features, 0 or more
   * @throws IllegalArgumentException if a size is negative or the memory is too short
   * @throws NullPointerException if {@code bits} is null
   */
  public static Mask of(MemorySegment bits, int rows, int columns) {
    Objects.requireNonNull(bits, "bits");
    long needed = bytes(rows, columns);
    if (bits.byteSize() < needed) {
      throw new IllegalArgumentException(
          "bits: expected %d bytes for a mask of %d x %d, found %d"
              .formatted(needed, rows, columns, bits.byteSize()));
    }
    return new Mask(bits.asSlice(0, needed), rows, columns);
  }

  private static long bytes(int rows, int columns) {
    if (rows < 0 || columns < 0) {
      throw new IllegalArgumentException(
          "mask: expected sizes of at least 0, found %d x %d".formatted(rows, columns));
    }
    return rows * rowBytes(columns);
  }

  private static long rowBytes(int columns) {
    return Math.ceilDiv((long) columns, Byte.SIZE);
  }

  /** Returns the bits of a row's last byte that stand for weights. */
  private int lastBits() {
    return 0xff >>> (int) (rowBytes * Byte.SIZE - columns);
  }

  /** {@return the rows of the matrix, its output features} */
  public int rows() {
    return rows;
  }

  /** {@return the columns of the matrix, its input features} */
  public int columns() {
    return columns;
  }

  /** {@return the packed bits themselves, not a copy} */
  public MemorySegment bits() {
    return bits;
  }

  /**
   * {@return whether a weight is kept}
   *
   * @param row its row, from 0
   * @param column its column, from 0
   * @throws IndexOutOfBoundsException if there is no such weight
   */
  public boolean isKept(int row, int column) {
    return (bits.get(ValueLayout.JAVA_BYTE, at(row, column)) & bit(column)) != 0;
  }

  /**
   * Keeps or prunes a weight.
   *
   * @param row its row, from 0
   * @param column its column, from 0
   * @param kept whether to keep it
   * @throws IndexOutOfBoundsException if there is no such weight
   * @throws IllegalArgumentException if the memory is read-only
   */
  public void set(int row, int column, boolean kept) {
    long at = at(row, column);
    int bit = bit(column);
    int others = bits.get(ValueLayout.JAVA_BYTE, at) & ~bit;
    bits.set(ValueLayout.JAVA_BYTE, at, (byte) (kept ? others | bit : others));
  }

  /** Returns a column's bit in its byte. */
  private static int bit(int column) {
    return 1 << (column % Byte.SIZE);
  }

  private long at(int row, int column) {
    Objects.checkIndex(row, rows);
    Objects.checkIndex(column, columns);
    return row * rowBytes + column / Byte.SIZE;
  }

  /** {@return how many weights are kept} */
  public long kept() {
    long count = 0;
    for (int row = 0; row < rows; row++) {
      for (long word = 0; word < rowBytes; word += Long.BYTES) {
        count += Long.bitCount(word(row, word));
      }
    }
    return count;
  }

  /** {@return how many weights are pruned} */
  public long pruned() {
    return (long) rows * columns - kept();
  }

  /** Returns the bits of up to eight bytes of a row, those that are no weight's as 0. */
  private long word(int row, long first) {
    long at = row * rowBytes + first;
    long weights = columns - first * Byte.SIZE;
    if (weights >= Long.SIZE) {
      return bits.get(LONG, at);
    }
    long word = 0;
    for (long i = 0; first + i < rowBytes; i++) {
      word |= (bits.get(ValueLayout.JAVA_BYTE, at + i) & 0xffL) << (i * Byte.SIZE);
    }
    return word & ((1L << weights) - 1);
  }

  private void setWord(int row, long first, long word) {
    long at = row * rowBytes + first;
    if (first + Long.BYTES <= rowBytes) {
      bits.set(LONG, at, word);
      return;
    }
    for (long i = 0; first + i < rowBytes; i++) {
      bits.set(ValueLayout.JAVA_BYTE, at + i, (byte) (word >>> (i * Byte.SIZE)));
    }
  }

  /**
   * Prunes a matrix by this mask: weights that aren't kept become +0.0, all others keep their bits.
   *
   * @param weight of the mask's shape, changed in place
   * @throws IllegalArgumentException if shapes differ, the weight's memory is read-only, or it
   *     overlaps the mask's
   * @throws IllegalStateException if memory was closed
   * @throws WrongThreadException if memory is confined to another thread
   * @throws NullPointerException if {@code weight} is null
   */
  public void applyTo(WeightMatrix weight) {
    Objects.requireNonNull(weight, "weight");
    requireShape("weight", weight.rows(), weight.columns());
    if (weight.data().isReadOnly()) {
      throw new IllegalArgumentException(
          "weight: expected memory that can be written, found read-only memory");
    }
    if (weight.span().asOverlappingSlice(bits).isPresent()) {
      throw new IllegalArgumentException(
          "weight: expected memory apart from the mask's, found an overlap");
    }
    if (weight.elements() > 0) {
      // Fails for memory that is closed or another thread's, before anything is changed.
      long first = weight.byteOffset(0, 0);
      byte same = weight.data().get(ValueLayout.JAVA_BYTE, first);
      word(0, 0);
      weight.data().set(ValueLayout.JAVA_BYTE, first, same);
    }
    for (int row = 0; row < rows; row++) {
      for (long word = 0; word < rowBytes; word += Long.BYTES) {
        clear(weight, row, (int) (word * Byte.SIZE), word(row, word));
      }
    }
  }

  /** Prunes up to 64 columns of a row, eight bytes at a time where they lie side by side. */
  private void clear(WeightMatrix weight, int row, int firstColumn, long kept) {
    int count = Math.min(Long.SIZE, columns - firstColumn);
    int together = Long.BYTES / weight.dtype().bytes();
    int whole = weight.hasDenseRows() ? count / together * together : 0;
    long[] stays = weight.dtype() == DType.F32 ? KEPT_WORDS : KEPT_HALVES;
    MemorySegment data = weight.data();
    long at = weight.byteOffset(row, firstColumn);
    for (int column = 0; column < whole; column += together, at += Long.BYTES) {
      int bits = (int) (kept >>> column) & stays.length - 1;
      data.set(LONG, at, data.get(LONG, at) & stays[bits]);
    }
    for (int column = whole; column < count; column++) {
      if ((kept >>> column & 1) == 0) {
        weight.dtype().setBits(data, weight.byteOffset(row, firstColumn + column), 0);
      }
    }
  }

  /**
   * Returns, by the bits of a mask, all bits of the elements that they keep: of eight, or of as
   * many as there are in eight bytes.
   */
  static long[] kept(int elementBits) {
    int elements = Math.min(Byte.SIZE, Long.SIZE / elementBits);
    long[] kept = new long[1 << elements];
    for (int mask = 0; mask < kept.length; mask++) {
      for (int element = 0; element < elements; element++) {
        if ((mask >> element & 1) != 0) {
          kept[mask] |= ((1L << elementBits) - 1) << element * elementBits;
        }
      }
    }
    return kept;
  }

  /**
   * {@return a new mask on the heap that keeps what both keep}
   *
   * @param other of the same shape
   * @throws IllegalArgumentException if shapes differ
   */
  public Mask and(Mask other) {
    return combine(other, (mine, others) -> mine & others);
  }

  /**
   * {@return a new mask on the heap that keeps what either keeps}
   *
   * @param other of the same shape
   * @throws IllegalArgumentException if shapes differ
   */
  public Mask or(Mask other) {
    return combine(other, (mine, others) -> mine | others);
  }

  private Mask combine(Mask other, LongBinaryOperator operator) {
    Objects.requireNonNull(other, "other");
    requireShape("other", other.rows, other.columns);
    Mask result = allocate(rows, columns);
    for (int row = 0; row < rows; row++) {
      for (long word = 0; word < rowBytes; word += Long.BYTES) {
        result.setWord(row, word, operator.applyAsLong(word(row, word), other.word(row, word)));
      }
    }
    return result;
  }

  /** Returns the shape and, of memory that this thread may read, how much is kept and pruned. */
  @Override
  public String toString() {
    boolean readable = bits.scope().isAlive() && bits.isAccessibleBy(Thread.currentThread());
    long kept = readable ? kept() : 0;
    String counts =
        readable ? ", %d kept, %d pruned".formatted(kept, (long) rows * columns - kept) : "";
    return "Mask[%d x %d%s]".formatted(rows, columns, counts);
  }

  private void requireShape(String argument, int otherRows, int otherColumns) {
    if (otherRows != rows || otherColumns != columns) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d as the mask, found %d x %d"
              .formatted(argument, rows, columns, otherRows, otherColumns));
    }
  }
}
