package io.github.wandacuda;

import static io.github.wandacuda.Mask.LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.ServiceLoader;

/**
 * A linear layer's weight without its zeros, [rows = output features, columns = input features], in
 * memory that the caller owns, such as a mapped file: a bit for each weight, and the values of
 * those whose bit is set. It stands for the dense matrix to the bit: a bit is clear where the
 * weight is +0.0, so -0.0 and NaN are stored. The layout is that of compressed-tensors' {@code
 * sparse-bitmask}.
 *
 * <ul>
 *   <li>values: the stored weights, row after row, by columns within a row;
 *   <li>bitmask: [rows, ceil(columns / 8)] bytes, the least significant bit first;
 *   <li>row offsets: [rows] little-endian 64-bit integers, the number of values before each row;
 *       the last row's end with the values.
 * </ul>
 *
 * <p>Nothing is copied but the row offsets, and nothing is freed. The memory must not change while
 * the matrix is used. Memory off the heap is multiplied fastest. Any number of threads may multiply
 * at once.
 */
public final class SparseMatrix {
  /** The most rows of activations that a call multiplies. */
  public static final int MOST_ROWS = 8;

  private final MemorySegment values;
  private final MemorySegment bitmask;
  private final MemorySegment rowOffsets;
  private final long[] offsets;
  private final int rows;
  private final int columns;
  private final DType dtype;

  private SparseMatrix(
      MemorySegment values,
      MemorySegment bitmask,
      MemorySegment rowOffsets,
      int rows,
      int columns,
      DType dtype) {
    this.values = values.asReadOnly();
    this.bitmask = bitmask.asReadOnly();
    this.rowOffsets = rowOffsets.asReadOnly();
    this.rows = rows;
    this.columns = columns;
    this.dtype = dtype;
    offsets = new long[rows + 1];
    MemorySegment.copy(rowOffsets, LONG, 0, offsets, 0, rows);
    offsets[rows] = values.byteSize() / dtype.bytes();
  }

  /**
   * {@return a view of a packed matrix} Reads all offsets and the whole bitmask, to check them.
   *
   * @param values the stored weights, little-endian, at any alignment
   * @param bitmask which weights are stored
   * @param rowOffsets where each row's values begin, counted in values
   * @param rows output features, 0 or more
   * @param columns input features, 0 or more
   * @param dtype the type of the values
   * @throws IllegalArgumentException if a size is negative, memory is not exactly as long as it has
   *     to be, offsets don't rise from 0 to the number of values, a row's bits aren't as many as
   *     its values, or a bit beyond the last column is set; the message says which, what was
   *     expected and what was found
   */
  public static SparseMatrix of(
      MemorySegment values,
      MemorySegment bitmask,
      MemorySegment rowOffsets,
      int rows,
      int columns,
      DType dtype) {
    Objects.requireNonNull(dtype, "dtype");
    if (rows < 0 || columns < 0) {
      throw new IllegalArgumentException(
          "shape: expected sizes of at least 0, found %d x %d".formatted(rows, columns));
    }
    requireSize("bitmask", rows * rowBytes(columns), bitmask);
    requireSize("row offsets", (long) rows * Long.BYTES, rowOffsets);
    if (values.byteSize() % dtype.bytes() != 0) {
      throw new IllegalArgumentException(
          "values: expected a multiple of %d bytes, found %d"
              .formatted(dtype.bytes(), values.byteSize()));
    }
    SparseMatrix matrix = new SparseMatrix(values, bitmask, rowOffsets, rows, columns, dtype);
    matrix.requireOffsets();
    matrix.requireBits();
    return matrix;
  }

  /** Returns the bytes of a row's bits. */
  private static long rowBytes(int columns) {
    return Math.ceilDiv((long) columns, Byte.SIZE);
  }

  private static void requireSize(String name, long expected, MemorySegment found) {
    if (found.byteSize() != expected) {
      throw new IllegalArgumentException(
          "%s: expected %d bytes, found %d".formatted(name, expected, found.byteSize()));
    }
  }

  /** Checks that offsets rise from 0, by the columns at most. */
  private void requireOffsets() {
    if (rows == 0 && offsets[0] != 0) {
      throw new IllegalArgumentException("values: expected none of no rows, found " + offsets[0]);
    }
    if (offsets[0] != 0) {
      throw new IllegalArgumentException("row offsets: expected 0 for row 0, found " + offsets[0]);
    }
    for (int row = 0; row < rows; row++) {
      long start = offsets[row];
      long end = offsets[row + 1];
      if (end < start || end - start > columns) {
        throw new IllegalArgumentException(
            "row offsets: expected 0 to %d values in row %d, found them from %d to %d"
                .formatted(columns, row, start, end));
      }
    }
  }

  /** Checks that each row has as many bits as values, and none beyond its columns. */
  private void requireBits() {
    int used = columns % Byte.SIZE;
    long rowBytes = rowBytes(columns);
    for (int row = 0; row < rows; row++) {
      long found = countBits(row * rowBytes, (row + 1) * rowBytes);
      long expected = offsets[row + 1] - offsets[row];
      if (found != expected) {
        throw new IllegalArgumentException(
            "bitmask: expected %d bits in row %d, which has as many values, found %d"
                .formatted(expected, row, found));
      }
      if (used > 0 && unsigned((row + 1) * rowBytes - 1) >>> used != 0) {
        throw new IllegalArgumentException(
            "bitmask: expected no bit beyond column %d in row %d, found one"
                .formatted(columns - 1, row));
      }
    }
  }

  private long countBits(long from, long end) {
    long at = from;
    long count = 0;
    for (; at + Long.BYTES <= end; at += Long.BYTES) {
      count += Long.bitCount(bitmask.get(LONG, at));
    }
    for (; at < end; at++) {
      count += Integer.bitCount(unsigned(at));
    }
    return count;
  }

  private int unsigned(long at) {
    return bitmask.get(ValueLayout.JAVA_BYTE, at) & 0xff;
  }

  /**
   * {@return a matrix without the weights that are +0.0, in new memory off the heap, which is freed
   * when nothing uses it any more}
   *
   * @param weight the dense matrix, which is only read; it may be a {@linkplain
   *     WeightMatrix#transposed() transposed} view
   */
  public static SparseMatrix pack(WeightMatrix weight) {
    return pack(weight, Arena.ofAuto());
  }

  /**
   * {@return a matrix without the weights that are +0.0}
   *
   * @param weight the dense matrix, which is only read
   * @param arena where its memory is allocated
   */
  public static SparseMatrix pack(WeightMatrix weight, Arena arena) {
    DType dtype = weight.dtype();
    SparseRow row = new SparseRow(dtype, weight.columns());
    MemorySegment offsets = arena.allocate((long) weight.rows() * Long.BYTES, Long.BYTES);
    long stored = 0;
    for (int r = 0; r < weight.rows(); r++) {
      offsets.set(LONG, (long) r * Long.BYTES, stored);
      stored += row.pack(weight, r);
    }
    long rowBytes = rowBytes(weight.columns());
    MemorySegment bits = arena.allocate(weight.rows() * rowBytes, Long.BYTES);
    MemorySegment values = arena.allocate(stored * dtype.bytes(), 64);
    long at = 0;
    for (int r = 0; r < weight.rows(); r++) {
      int count = row.pack(weight, r);
      row.writeValues(values, at, count);
      row.writeBits(bits, r * rowBytes);
      at += (long) count * dtype.bytes();
    }
    return new SparseMatrix(values, bits, offsets, weight.rows(), weight.columns(), dtype);
  }

  /** {@return the stored weights, read-only} */
  public MemorySegment values() {
    return values;
  }

  /** {@return a bit for each weight, read-only} */
  public MemorySegment bitmask() {
    return bitmask;
  }

  /** {@return where each row's values begin, counted in values, read-only} */
  public MemorySegment rowOffsets() {
    return rowOffsets;
  }

  /** {@return the output features} */
  public int rows() {
    return rows;
  }

  /** {@return the input features} */
  public int columns() {
    return columns;
  }

  /** {@return the type of the values} */
  public DType dtype() {
    return dtype;
  }

  /** {@return how many weights are stored} */
  public long stored() {
    return offsets[rows];
  }

  /** {@return the bytes that a multiplication reads: of values, bits and row offsets} */
  public long bytes() {
    return values.byteSize() + bitmask.byteSize() + rowOffsets.byteSize();
  }

  /**
   * {@return how many values come before a row's first one}
   *
   * @param row from 0 to the number of rows, for which it is the number of all
   */
  public long rowOffset(int row) {
    return offsets[row];
  }

  /**
   * Writes the dense matrix.
   *
   * @param destination of the same shape and type; all its elements are written
   * @throws IllegalArgumentException if shape or type differ or its memory is read-only
   */
  public void unpack(WeightMatrix destination) {
    unpack(0, destination);
  }

  /**
   * Writes some rows of the dense matrix.
   *
   * @param from the first row
   * @param destination as many rows as are wanted, of the same columns and type
   * @throws IllegalArgumentException if columns or type differ or its memory is read-only
   * @throws IndexOutOfBoundsException if there are no such rows
   */
  public void unpack(int from, WeightMatrix destination) {
    Objects.checkFromIndexSize(from, destination.rows(), rows);
    if (destination.columns() != columns || destination.dtype() != dtype) {
      throw new IllegalArgumentException(
          "destination: expected %d columns of %s, found %d of %s"
              .formatted(columns, dtype, destination.columns(), destination.dtype()));
    }
    SparseRow row = new SparseRow(dtype, columns);
    for (int r = 0; r < destination.rows(); r++) {
      row.unpack(this, from + r);
      row.write(destination, r);
    }
  }

  /**
   * Multiplies one to a few rows of activations by all rows: {@code out[t, o] = sum over c of x[t,
   * c] * w[o, c]}, in float32, in the order that {@link SparseKernels} states.
   *
   * @param x [count, columns]
   * @param count rows of activations, 1 to {@link #MOST_ROWS}
   * @param out receives [count, rows]; not {@code x}
   * @throws IllegalArgumentException if the count is another
   * @throws IndexOutOfBoundsException if an array is too short
   */
  public void multiply(float[] x, int count, float[] out) {
    multiply(x, 0, count, out, 0, 0, rows);
  }

  /**
   * Multiplies by some rows, for a thread of the caller's. Bits are those of the whole product. A
   * call reads activations and rows of weights once, so it pays from some hundred rows on.
   *
   * @param x [count, columns] from {@code xAt} on
   * @param xAt where the activations begin
   * @param count rows of activations, 1 to {@link #MOST_ROWS}
   * @param out receives columns {@code from} to {@code to - 1} of [count, rows] from {@code outAt}
   *     on; not {@code x}
   * @param outAt where the outputs begin
   * @param from the first row
   * @param to the row after the last
   * @throws IllegalArgumentException if the count is another, or the arrays are one
   * @throws IndexOutOfBoundsException if an array is too short or there are no such rows
   */
  public void multiply(float[] x, int xAt, int count, float[] out, int outAt, int from, int to) {
    if (count < 1 || count > MOST_ROWS) {
      throw new IllegalArgumentException(
          "count: expected 1 to %d rows, found %d".formatted(MOST_ROWS, count));
    }
    if (x == out) {
      throw new IllegalArgumentException("out: expected another array than x");
    }
    Objects.checkFromToIndex(from, to, rows);
    Objects.checkFromIndexSize((long) xAt, (long) count * columns, x.length);
    Objects.checkFromIndexSize((long) outAt, (long) count * rows, out.length);
    Loaded.KERNELS.multiply(this, x, xAt, count, out, outAt, from, to);
  }

  /**
   * {@return whether this machine multiplies a row of activations faster so than by the dense
   * matrix, where half of it is zeros}
   *
   * @param dtype the type of the values
   */
  public static boolean isFasterThanDense(DType dtype) {
    return Loaded.KERNELS.isFasterThanDense(dtype);
  }

  /** {@return how this machine multiplies sparse matrices, for people} */
  public static String kernels() {
    return Loaded.KERNELS.description();
  }

  /** Returns shape and type, and how much is stored. */
  @Override
  public String toString() {
    return "SparseMatrix[%d x %d %s, %d stored]".formatted(rows, columns, dtype, stored());
  }

  /** Looked for when a matrix is first multiplied. */
  private static final class Loaded {
    static final SparseKernels KERNELS =
        ServiceLoader.load(SparseKernels.class, SparseKernels.class.getClassLoader())
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("the library's jar is not whole"));
  }
}
