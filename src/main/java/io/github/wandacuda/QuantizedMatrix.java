package io.github.wandacuda;

import static io.github.wandacuda.Mask.LONG;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.IntSummaryStatistics;
import java.util.Objects;
import java.util.ServiceLoader;

/**
 * A view of a linear layer's weight as codes and scales, [rows = output features, columns = input
 * features], in memory of another owner. Element (r, c) is
 *
 * <pre>(value of the code - zero point) * scale of its block * factor, or / factor</pre>
 *
 * rounded once to float32: the products before the last are exact for the formats that there are.
 *
 * @param codes one for each element
 * @param scales one for each block of elements
 */
public record QuantizedMatrix(Codes codes, Scales scales) implements RowReader {
  /** Checks that each element has a scale. */
  public QuantizedMatrix {
    if (codes.rows > 0 && codes.columns > 0) {
      scales.requireFor(codes.rows, codes.columns);
    }
  }

  private static final int BYTE = 0xff;

  private static final int NIBBLE = 4;
  private static final long LOW_NIBBLES = 0x0f0f_0f0f_0f0f_0f0fL;
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** Codes that are copied at a time before they are widened. */
  private static final int PART = 4096;

  /** Room for a part and, behind it, for pairs of codes. */
  private static final int BUFFER = 2 * PART;

  private static final ThreadLocal<byte[]> BUFFERS =
      ThreadLocal.withInitial(() -> new byte[BUFFER]);

  private static final long BYTES_OF_ONE = 0x0101_0101_0101_0101L;
  private static final long NIBBLES_OF_ONE = 0x1111_1111_1111_1111L;

  /** All bits of the codes that eight bits of a mask keep. */
  private static final long[] KEPT_BYTES = Mask.kept(Byte.SIZE);

  private static final long[] KEPT_NIBBLES = Mask.kept(Byte.SIZE / 2);

  /**
   * The codes of a matrix. Code (r, c) are the {@code bits} bits of {@code data} from bit {@code r
   * * rowBits + c * columnBits} on, the lowest first; so of two codes of 4 bits in a byte the lower
   * half comes first.
   *
   * @param data the memory
   * @param format what a code stands for
   * @param bits of a code, 1 to 8
   * @param rows 0 or more
   * @param columns 0 or more
   * @param rowBits from one row to the next, a multiple of 8
   * @param columnBits from one column to the next: {@code bits}, unless rows are interleaved
   */
  public record Codes(
      MemorySegment data,
      NumberFormat format,
      int bits,
      int rows,
      int columns,
      long rowBits,
      long columnBits) {
    /** Checks that all codes lie in the memory. */
    public Codes {
      Objects.requireNonNull(format, "format");
      if (rows < 0 || columns < 0 || bits < 1 || bits > Byte.SIZE || rowBits % Byte.SIZE != 0) {
        throw new IllegalArgumentException(
            "%d x %d codes of %d bits, %d bits a row".formatted(rows, columns, bits, rowBits));
      }
      if (bytes(bits, rows, columns, rowBits, columnBits) > data.byteSize()) {
        throw new IllegalArgumentException(
            "%d x %d codes of %d bits in %d bytes".formatted(rows, columns, bits, data.byteSize()));
      }
    }

    private static long bytes(int bits, int rows, int columns, long rowBits, long columnBits) {
      return rows == 0 || columns == 0
          ? 0
          : Math.ceilDiv((rows - 1) * rowBits + (columns - 1) * columnBits + bits, Byte.SIZE);
    }

    /**
     * {@return codes whose rows lie one after the other, each in whole bytes}
     *
     * @param data the memory
     * @param format what is stored
     * @param bits of a code, 1 to 8
     * @param rows 0 or more
     * @param columns 0 or more
     * @param rowBytes bytes of a row, with its padding
     */
    public static Codes of(
        MemorySegment data, NumberFormat format, int bits, int rows, int columns, long rowBytes) {
      return new Codes(data, format, bits, rows, columns, rowBytes * Byte.SIZE, bits);
    }

    /** {@return the bytes up to the last code's end} */
    public long bytes() {
      return bytes(bits, rows, columns, rowBits, columnBits);
    }

    /** {@return the bytes of a row in memory of its own, with its padding} */
    public long rowBytes() {
      return Math.ceilDiv(isByRows() ? rowBits : (long) columns * bits, Byte.SIZE);
    }

    private boolean isByRows() {
      return columnBits == bits && rowBits >= (long) columns * bits;
    }

    /** {@return the same codes, copied if their rows don't lie one after the other} */
    public Codes byRows() {
      if (isByRows()) {
        return this;
      }
      byte[] copy = new byte[Math.toIntExact(rows * rowBytes())];
      Codes codes = of(MemorySegment.ofArray(copy), format, bits, rows, columns, rowBytes());
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
          codes.set(row, column, get(row, column));
        }
      }
      return codes;
    }

    /**
     * {@return one code}
     *
     * @param row its row, from 0
     * @param column its column, from 0
     */
    public int get(int row, int column) {
      long at = row * rowBits + column * columnBits;
      int shift = (int) (at % Byte.SIZE);
      return word(at / Byte.SIZE, shift) >> shift & (1 << bits) - 1;
    }

    /**
     * Sets one code, and leaves all other bits as they are.
     *
     * @param row its row, from 0
     * @param column its column, from 0
     * @param code of which the lowest bits count
     */
    public void set(int row, int column, int code) {
      long at = row * rowBits + column * columnBits;
      int shift = (int) (at % Byte.SIZE);
      long from = at / Byte.SIZE;
      int mask = (1 << bits) - 1 << shift;
      int word = word(from, shift) & ~mask | code << shift & mask;
      data.set(ValueLayout.JAVA_BYTE, from, (byte) word);
      if (shift + bits > Byte.SIZE) {
        data.set(ValueLayout.JAVA_BYTE, from + 1, (byte) (word >> Byte.SIZE));
      }
    }

    /** Returns the byte or the two bytes that a code lies in. */
    private int word(long at, int shift) {
      int low = data.get(ValueLayout.JAVA_BYTE, at) & BYTE;
      return shift + bits > Byte.SIZE
          ? low | (data.get(ValueLayout.JAVA_BYTE, at + 1) & BYTE) << Byte.SIZE
          : low;
    }

    private int bit(int row, long bit) {
      long at = row * rowBits + bit;
      return data.get(ValueLayout.JAVA_BYTE, at / Byte.SIZE) >> at % Byte.SIZE & 1;
    }

    private Codes rows(int from, int count) {
      long start = Math.min(data.byteSize(), from * rowBits / Byte.SIZE);
      return new Codes(data.asSlice(start), format, bits, count, columns, rowBits, columnBits);
    }

    /** Copies codes of a row, each to a byte; by bulk copies where they lie side by side. */
    private void read(int row, int column, int count, byte[] to) {
      if (columnBits == Byte.SIZE) {
        long at = row * rowBits / Byte.SIZE + column;
        MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, to, 0, count);
      } else if (bits == NIBBLE && columnBits == NIBBLE && column % 2 == 0) {
        readPairs(row * rowBits / Byte.SIZE + column / 2, count, to);
      } else {
        for (int i = 0; i < count; i++) {
          to[i] = (byte) get(row, column + i);
        }
      }
    }

    /** Copies pairs to the end of an array, from where eight codes at a time are spread. */
    private void readPairs(long at, int count, byte[] to) {
      int bytes = Math.ceilDiv(count, 2);
      int from = to.length - bytes - Integer.BYTES;
      MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, to, from, bytes);
      for (int i = 0; i < count; i += Long.BYTES) {
        int pairs = (int) INTS.get(to, from + i / 2);
        LONGS.set(to, i, Long.expand(pairs, LOW_NIBBLES));
      }
    }
  }

  /**
   * The scales of a matrix: element (r, c) has scale {@code (firstRow + r) / blockRows * groups +
   * g} and its zero point, where g is {@code c / blockColumns}, or {@code groupOf[c]}.
   *
   * @param data the scales, one after the other, finite and not negative
   * @param format what they are stored as
   * @param firstRow the number of the first row among those that the scales are of
   * @param blockRows rows of a block, 1 or more
   * @param blockColumns columns of a block, 1 or more
   * @param groups scales of a row
   * @param groupOf the group of each column, or null
   * @param zeros the zero points, a byte each, as the codes are read; or null
   * @param zero the zero point of all elements, where {@code zeros} is null
   * @param factor of all elements, finite and above 0
   * @param divides whether the factor divides
   */
  public record Scales(
      MemorySegment data,
      NumberFormat format,
      int firstRow,
      int blockRows,
      int blockColumns,
      int groups,
      int[] groupOf,
      byte[] zeros,
      int zero,
      float factor,
      boolean divides) {
    /**
     * {@return scales of blocks, with neither zero points nor a factor}
     *
     * @param data the memory
     * @param format what is stored
     * @param blockRows rows of a block, 1 or more
     * @param blockColumns columns of a block, 1 or more
     * @param groups scales of a row
     */
    public static Scales of(
        MemorySegment data, NumberFormat format, int blockRows, int blockColumns, int groups) {
      return new Scales(data, format, 0, blockRows, blockColumns, groups, null, null, 0, 1, false);
    }

    /**
     * {@return the same ones, whose columns are in the groups that are given}
     *
     * @param groupOfColumn one for each column, from 0
     */
    public Scales groupedBy(int[] groupOfColumn) {
      return with(firstRow, 1, groupOfColumn, zeros, zero, factor, divides);
    }

    /**
     * {@return the same ones with one zero point}
     *
     * @param point its code
     */
    public Scales withZero(int point) {
      return with(firstRow, blockColumns, groupOf, null, point, factor, divides);
    }

    /**
     * {@return the same ones with a zero point for each}
     *
     * @param points a code for each scale
     */
    public Scales withZeros(byte[] points) {
      return with(firstRow, blockColumns, groupOf, points, 0, factor, divides);
    }

    /**
     * {@return the same ones with a factor for all elements}
     *
     * @param number finite and above 0
     * @param isDivisor whether elements are divided by it
     */
    public Scales withFactor(float number, boolean isDivisor) {
      return with(firstRow, blockColumns, groupOf, zeros, zero, number, isDivisor);
    }

    /**
     * {@return the scales of the rows from a number on}
     *
     * @param row the first row, which becomes row 0
     */
    public Scales from(int row) {
      return with(firstRow + row, blockColumns, groupOf, zeros, zero, factor, divides);
    }

    private Scales with(
        int row, int wide, int[] of, byte[] points, int point, float number, boolean divisor) {
      return new Scales(
          data, format, row, blockRows, wide, groups, of, points, point, number, divisor);
    }

    /**
     * {@return the number of an element's scale}
     *
     * @param row its row, from 0
     * @param column its column, from 0
     */
    public long index(int row, int column) {
      int group = groupOf == null ? column / blockColumns : groupOf[column];
      return (long) ((firstRow + row) / blockRows) * groups + group;
    }

    /**
     * {@return an element's scale}
     *
     * @param row its row, from 0
     * @param column its column, from 0
     */
    public float get(int row, int column) {
      return format.value(data, index(row, column));
    }

    /**
     * {@return what a code stands for at a place}
     *
     * @param codes what a code stands for
     * @param code of which the lowest bits count
     * @param row its row, from 0
     * @param column its column, from 0
     */
    public float value(NumberFormat codes, int code, int row, int column) {
      long index = index(row, column);
      return scaled(codes.value(code) - zero(codes, index), format.value(data, index));
    }

    /**
     * {@return the floating-point code of the number nearest to another one, at a place}
     *
     * @param codes what a code stands for
     * @param row its row, from 0
     * @param column its column, from 0
     * @param value finite
     */
    public int nearest(NumberFormat codes, int row, int column, float value) {
      double scale = get(row, column);
      double whole = divides ? scale / factor : scale * factor;
      // Where the scale is 0, all codes stand for 0.
      return codes.nearest(whole == 0 ? 0 : (float) (value / whole));
    }

    private void requireFor(int rows, int columns) {
      int lowest = 0;
      int highest = (columns - 1) / blockColumns;
      if (groupOf != null) {
        IntSummaryStatistics used = Arrays.stream(groupOf, 0, columns).summaryStatistics();
        lowest = used.getMin();
        highest = used.getMax();
      }
      long count = ((firstRow + rows - 1) / blockRows + 1L) * groups;
      long most = data.byteSize() * Byte.SIZE / format.bits();
      if (lowest < 0
          || highest >= groups
          || count > (zeros == null ? most : Math.min(most, zeros.length))) {
        throw new IllegalArgumentException(
            "groups %d to %d of %d, %d scales of %d"
                .formatted(lowest, highest, groups, most, count));
      }
    }

    private float zero(NumberFormat codes, long index) {
      return codes.value(zeroCode(index));
    }

    private int zeroCode(long index) {
      return zeros == null ? zero : zeros[(int) index] & BYTE;
    }

    private float scaled(float value, float scale) {
      float product = value * scale;
      return divides ? product / factor : product * factor;
    }
  }

  @Override
  public MemorySegment data() {
    return codes.data;
  }

  @Override
  public int rows() {
    return codes.rows;
  }

  @Override
  public int columns() {
    return codes.columns;
  }

  /**
   * {@return a view of {@code count} rows from row {@code from}}
   *
   * @param from the first row
   * @param count how many rows
   */
  public QuantizedMatrix rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows());
    return new QuantizedMatrix(codes.rows(from, count), scales.from(from));
  }

  @Override
  public float get(int row, int column) {
    return scales.value(codes.format, codes.get(row, column), row, column);
  }

  /**
   * {@return the scale of the block that an element is in}
   *
   * @param row its row, from 0
   * @param column its column, from 0
   */
  public float scale(int row, int column) {
    return scales.get(row, column);
  }

  /**
   * Copies a row's codes.
   *
   * @param row its row, from 0
   * @param to receives them, a byte each
   */
  public void codes(int row, byte[] to) {
    byte[] buffer = BUFFERS.get();
    for (int column = 0; column < columns(); column += PART) {
      int part = Math.min(PART, columns() - column);
      codes.read(row, column, part, buffer);
      System.arraycopy(buffer, 0, to, column, part);
    }
  }

  /**
   * {@return the floating-point code of the number nearest to another one, see {@link Scales}}
   *
   * @param row its row, from 0
   * @param column its column, from 0
   * @param value any finite number
   */
  public int nearest(int row, int column, float value) {
    return scales.nearest(codes.format, row, column, value);
  }

  /**
   * {@return the code of +0 at a place}
   *
   * @param row its row, from 0
   * @param column its column, from 0
   */
  public int zeroCode(int row, int column) {
    return scales.zeros == null ? scales.zero : scales.zeroCode(scales.index(row, column));
  }

  /**
   * Makes those elements of a row +0 that a mask doesn't keep; all other bits stay as they are.
   *
   * @param row the row
   * @param mask a bit for each column, the lowest first, set where the element is kept
   */
  public void keep(int row, MemorySegment mask) {
    int column = scales.zeros == null ? keepEights(row, mask) : 0;
    for (; column < columns(); column++) {
      int bits = mask.get(ValueLayout.JAVA_BYTE, column / Byte.SIZE);
      if ((bits >> column % Byte.SIZE & 1) == 0) {
        codes.set(row, column, zeroCode(row, column));
      }
    }
  }

  /**
   * Applies a mask to the codes of a row in whole groups of eight, where zero is one and the same
   * code.
   *
   * @return the column at which these groups end; 0 if the codes aren't laid out so
   */
  private int keepEights(int row, MemorySegment mask) {
    int bits = codes.bits;
    if (codes.columnBits != bits || (bits != Byte.SIZE && bits != Byte.SIZE / 2)) {
      return 0;
    }
    long zero = scales.zero * (bits == Byte.SIZE ? BYTES_OF_ONE : NIBBLES_OF_ONE);
    long at = row * codes.rowBits / Byte.SIZE;
    int longs = columns() * bits / Long.SIZE;
    for (int i = 0; i < longs; i++, at += Long.BYTES) {
      long keep =
          bits == Byte.SIZE
              ? KEPT_BYTES[mask.get(ValueLayout.JAVA_BYTE, i) & BYTE]
              : KEPT_NIBBLES[mask.get(ValueLayout.JAVA_BYTE, 2 * i) & BYTE]
                  | KEPT_NIBBLES[mask.get(ValueLayout.JAVA_BYTE, 2 * i + 1) & BYTE] << Integer.SIZE;
      codes.data.set(LONG, at, codes.data.get(LONG, at) & keep | zero & ~keep);
    }
    return longs * (Long.SIZE / bits);
  }

  /**
   * {@return whether each code of a row is that of another matrix or that of +0, and the bits
   * behind the last code are the same}
   *
   * @param source of the same shape and format
   * @param row the row
   */
  public boolean keepsOrZeroes(QuantizedMatrix source, int row) {
    byte[] now = new byte[columns()];
    byte[] before = new byte[columns()];
    codes(row, now);
    source.codes(row, before);
    int wrong = 0;
    for (int column = 0; column < now.length; column++) {
      int zero = scales.zeros == null ? scales.zero : zeroCode(row, column);
      // A branch would go either way for half of a row's codes.
      wrong |= (now[column] ^ before[column]) * ((now[column] & BYTE) ^ zero);
    }
    if (wrong != 0) {
      return false;
    }
    for (long bit = columns() * codes.columnBits; bit < codes.rowBits; bit++) {
      if (codes.bit(row, bit) != source.codes.bit(row, bit)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void read(int row, int column, int count, float[] to, int offset) {
    byte[] buffer = BUFFERS.get();
    for (int done = 0; done < count; done += PART) {
      int part = Math.min(PART, count - done);
      codes.read(row, column + done, part, buffer);
      widen(row, column + done, part, buffer, to, offset + done);
    }
  }

  /** Widens codes of a row, block by block. */
  private void widen(int row, int column, int count, byte[] from, float[] to, int offset) {
    NumberFormat format = codes.format;
    for (int i = 0; i < count; ) {
      int end = endOfBlock(column, i, count);
      long index = scales.index(row, column + i);
      float scale = scales.format.value(scales.data, index);
      float zero = scales.zero(format, index);
      Loaded.KERNELS.widen(format, from, i, end - i, zero, scale, to, offset + i);
      i = end;
    }
    if (scales.divides) {
      for (int i = 0; i < count; i++) {
        to[offset + i] /= scales.factor;
      }
    } else if (scales.factor != 1) {
      for (int i = 0; i < count; i++) {
        to[offset + i] *= scales.factor;
      }
    }
  }

  /** Returns where the block that element {@code i} of a part is in ends in it. */
  private int endOfBlock(int column, int i, int count) {
    if (scales.groupOf != null) {
      return i + 1;
    }
    long next = ((column + i) / scales.blockColumns + 1L) * scales.blockColumns;
    return (int) Math.min(count, next - column);
  }

  /** Looked for when a matrix is first read. */
  private static final class Loaded {
    static final WideningKernels KERNELS =
        ServiceLoader.load(WideningKernels.class, WideningKernels.class.getClassLoader())
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("the library's jar is not whole"));
  }

  /** Returns the shape, and what codes and scales are. */
  @Override
  public String toString() {
    return "QuantizedMatrix[%d x %d %s of %d bits, scales %s]"
        .formatted(rows(), columns(), codes.format, codes.bits, scales.format);
  }
}
