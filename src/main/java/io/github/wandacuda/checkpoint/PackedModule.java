package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.scalar.RowPacking;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A packed weight in its shard. Rows and columns are those in which it is stored: of a Conv1D,
 * which is stored as [in, out], the rows are input features.
 *
 * @param file the packed shard as it is stored
 * @param elements of the tensor that it stands for, as {@code model.layers.0.mlp.up_proj.weight}
 * @param values the kept elements, [count], row by row
 * @param bitmask which elements are kept, U8 [rows, ceil(columns / 8)]
 * @param rowOffsets how many values come before each row, I64 [rows]
 */
public record PackedModule(
    SafetensorsFile file,
    PackedFormat.Elements elements,
    TensorInfo values,
    TensorInfo bitmask,
    TensorInfo rowOffsets) {
  /**
   * Returns the packed numbers that a checkpoint's tensor stands for, or nothing if it is stored
   * dense or holds codes.
   */
  public static Optional<PackedModule> of(Checkpoint.Entry entry) {
    return entry.info().type().isPresent() && entry.shard().bytes() instanceof PackedShard shard
        ? shard.module(entry.info().name())
        : Optional.empty();
  }

  /**
   * Finds a weight's parts in a packed shard and checks their types and shapes, and nothing of what
   * they hold but the shape.
   *
   * @throws io.github.wandacuda.error.InputException if a part is missing or another than it has to
   *     be
   */
  static PackedModule find(SafetensorsFile file, TensorInfo weight) {
    PackedFormat.Names names = PackedFormat.Names.of(weight.name());
    Parts parts = new Parts(file);
    PackedFormat.Elements elements = parts.elements(names.shape(), weight);
    TensorInfo values =
        parts.vector(names.compressed(), elements.dtype(), weight.bytes() / elements.valueBytes());
    long rows = weight.rows();
    TensorInfo bitmask = parts.find(names.bitmask(), "U8", List.of(rows, elements.maskRowBytes()));
    TensorInfo offsets = parts.find(names.rowOffsets(), "I64", List.of(rows));
    return new PackedModule(file, elements, values, bitmask, offsets);
  }

  /** Finds a weight's parts in a file, and refuses those of another type or shape. */
  private record Parts(SafetensorsFile file) {
    /** Reads a weight's shape, and of codes of 4 bits behind it the one that is left out. */
    PackedFormat.Elements elements(String name, TensorInfo weight) {
      TensorInfo info = find(name);
      boolean nibbles = PackedFormat.Elements.areNibbles(info) && weight.type().isEmpty();
      if (!info.dtype().equals("I64") || !nibbles && !info.shape().equals(List.of(2L))) {
        throw wrong(info, "I64 [2]");
      }
      MemorySegment sizes = MemorySegment.ofArray(new byte[(int) info.bytes()]);
      file.read(info, 0, sizes);
      long[] found = sizes.toArray(LONG);
      long zero = nibbles ? found[2] : 0;
      PackedFormat.Elements elements =
          nibbles
              ? PackedFormat.Elements.nibbles(weight, (int) (zero & 0xf))
              : PackedFormat.Elements.of(weight).orElseThrow();
      if (!Arrays.equals(found, elements.shape())) {
        throw ErrorDetails.tensor(file.path(), name)
            .wrong(
                "%s, as %s has"
                    .formatted(Arrays.toString(elements.shape()), PackedFormat.SOURCE_HEADER),
                Arrays.toString(found));
      }
      return elements;
    }

    /**
     * Returns a part of a known shape.
     *
     * @throws io.github.wandacuda.error.InputException if it is missing, or of another type or
     *     shape
     */
    TensorInfo find(String name, String dtype, List<Long> shape) {
      TensorInfo found = find(name);
      if (!found.dtype().equals(dtype) || !found.shape().equals(shape)) {
        throw wrong(found, "%s %s".formatted(dtype, shape));
      }
      return found;
    }

    /**
     * Returns a part that is a vector.
     *
     * @param most how many elements it may have
     * @throws io.github.wandacuda.error.InputException if it is missing, of another type or no
     *     vector, or longer
     */
    TensorInfo vector(String name, String dtype, long most) {
      TensorInfo found = find(name);
      if (!found.dtype().equals(dtype)
          || found.shape().size() != 1
          || found.shape().getFirst() > most) {
        throw wrong(found, "%s, at most [%d]".formatted(dtype, most));
      }
      return found;
    }

    private TensorInfo find(String name) {
      return file.tensor(name)
          .orElseThrow(
              () ->
                  ErrorDetails.tensor(file.path(), name)
                      .wrong("it beside the module's others", "none"));
    }

    private RuntimeException wrong(TensorInfo found, String expected) {
      return ErrorDetails.tensor(file.path(), found.name()).wrong(expected, found.what());
    }
  }

  /** Returns the tensor that it stands for. */
  public TensorInfo weight() {
    return elements.weight();
  }

  /** Returns the number of stored rows. */
  public int rows() {
    return weight().rows();
  }

  /** Returns the number of stored columns. */
  public int columns() {
    return weight().columns();
  }

  /** Returns the type of the values; only for a weight of numbers, not of codes. */
  public DType dtype() {
    return weight().type().orElseThrow();
  }

  /** Returns how many values are kept. */
  public long count() {
    return values.shape().getFirst();
  }

  /** Returns the bytes that the four parts take in the file. */
  public long bytes() {
    return values.bytes() + bitmask.bytes() + rowOffsets.bytes() + 2 * Long.BYTES;
  }

  /**
   * Reads the whole weight, as it is packed.
   *
   * @param memory gives the memory that it is read to, and so says how long it can be used
   * @throws io.github.wandacuda.error.InputException if the file was cut, or offsets, bits and
   *     values contradict each other
   */
  public SparseMatrix matrix(SegmentAllocator memory) {
    MemorySegment offsets = whole(rowOffsets, memory);
    MemorySegment bits = whole(bitmask, memory);
    MemorySegment stored = whole(values, memory);
    try {
      return SparseMatrix.of(stored, bits, offsets, rows(), columns(), dtype());
    } catch (IllegalArgumentException e) {
      // Which file and tensor it is, the check of rows says.
      read(0, rows(), memory);
      throw e;
    }
  }

  private MemorySegment whole(TensorInfo part, SegmentAllocator memory) {
    MemorySegment bytes = memory.allocate(part.bytes(), RowPacking.SLACK);
    file.read(part, 0, bytes);
    return bytes;
  }

  /**
   * Reads some rows and checks them whole.
   *
   * @param first the first row
   * @param count how many, 1 or more
   * @param memory gives the memory that they are read to
   * @throws io.github.wandacuda.error.InputException if the file was cut, or offsets, bits and
   *     values contradict each other
   */
  Rows read(int first, int count, SegmentAllocator memory) {
    MemorySegment offsets = memory.allocate((count + 1L) * Long.BYTES, Long.BYTES);
    boolean last = first + count == rows();
    long known = (last ? count : count + 1L) * Long.BYTES;
    file.read(rowOffsets, (long) first * Long.BYTES, offsets.asSlice(0, known));
    if (last) {
      offsets.set(LONG, known, count());
    }
    requireOffsets(offsets, first, count);
    long rowBytes = elements.maskRowBytes();
    MemorySegment bits = memory.allocate(count * rowBytes, Long.BYTES);
    file.read(bitmask, first * rowBytes, bits);
    requireBits(offsets, bits, first, count);
    long from = offsets.get(LONG, 0);
    int valueBytes = elements.valueBytes();
    long bytes = (offsets.get(LONG, (long) count * Long.BYTES) - from) * valueBytes;
    MemorySegment stored = memory.allocate(bytes + RowPacking.SLACK, RowPacking.SLACK);
    file.read(values, from * valueBytes, stored.asSlice(0, bytes));
    return new Rows(elements, offsets, bits, stored);
  }

  /** Checks that offsets rise from 0 to the number of values, by the columns at most. */
  private void requireOffsets(MemorySegment offsets, int first, int count) {
    long most = elements.rowBytes() / elements.valueBytes();
    if (first == 0 && offsets.get(LONG, 0) != 0) {
      throw wrongOffset("0 for row 0", String.valueOf(offsets.get(LONG, 0)));
    }
    for (int row = 0; row < count; row++) {
      long from = offset(offsets, row);
      long to = offset(offsets, row + 1);
      if (from < 0 || from > count()) {
        throw wrongOffset(
            "row %d to begin at a value from 0 to %d".formatted(first + row, count()),
            String.valueOf(from));
      }
      // Not their difference, which may overflow.
      if (to < from || to > count() || to - from > most) {
        throw wrongOffset(
            "row %d, at %d, to end at a value from there to %d"
                .formatted(first + row, from, Math.min(count(), from + most)),
            String.valueOf(to));
      }
    }
  }

  /** Checks that each row has as many bits as values, and none behind its last column. */
  private void requireBits(MemorySegment offsets, MemorySegment bits, int first, int count) {
    long rowBytes = elements.maskRowBytes();
    int perValue = RowPacking.perValue(elements.bits());
    for (int row = 0; row < count; row++) {
      requireNoneBeyond(bits, row, rowBytes, first + row);
      long expected = offset(offsets, row + 1) - offset(offsets, row);
      long found = Math.ceilDiv(ones(bits, row * rowBytes, (row + 1) * rowBytes), perValue);
      if (found != expected) {
        throw ErrorDetails.tensor(file.path(), bitmask.name())
            .wrong(
                "%d %s in row %d, which has as many values"
                    .formatted(expected, perValue == 1 ? "bits" : "pairs of bits", first + row),
                String.valueOf(found));
      }
    }
  }

  private void requireNoneBeyond(MemorySegment bits, int row, long rowBytes, int ofWeight) {
    int used = (int) (elements.columns() % Byte.SIZE);
    if (used == 0) {
      return;
    }
    int last = bits.get(ValueLayout.JAVA_BYTE, (row + 1) * rowBytes - 1) & 0xff;
    if (last >>> used != 0) {
      throw ErrorDetails.tensor(file.path(), bitmask.name())
          .wrong(
              "no bit behind the last of %d columns in row %d"
                  .formatted(elements.columns(), ofWeight),
              "0x%02x as the row's last byte".formatted(last));
    }
  }

  private static long ones(MemorySegment bits, long from, long to) {
    long count = 0;
    long at = from;
    for (; at <= to - Long.BYTES; at += Long.BYTES) {
      count += Long.bitCount(bits.get(LONG, at));
    }
    for (; at < to; at++) {
      count += Integer.bitCount(bits.get(ValueLayout.JAVA_BYTE, at) & 0xff);
    }
    return count;
  }

  private static long offset(MemorySegment offsets, int row) {
    return offsets.get(LONG, (long) row * Long.BYTES);
  }

  private RuntimeException wrongOffset(String expected, String found) {
    return ErrorDetails.tensor(file.path(), rowOffsets.name()).wrong(expected, found);
  }

  /**
   * Some rows of a packed weight in memory, checked: bits, values and offsets agree.
   *
   * @param elements of the whole weight
   * @param offsets 64-bit integers, little-endian: where each row's values begin in the weight,
   *     counted in values, and where the last row's end
   * @param bits a bit for each element, a row in whole bytes, the least significant bit first
   * @param values the rows' kept elements, and {@link RowPacking#SLACK} bytes behind them
   */
  record Rows(
      PackedFormat.Elements elements,
      MemorySegment offsets,
      MemorySegment bits,
      MemorySegment values) {
    /**
     * Writes a row as it was before it was packed.
     *
     * @param row counted from the first that was read
     * @param destination takes {@link PackedFormat.Elements#rowBytes} bytes
     * @param at where, in bytes from the destination's start
     */
    void unpack(int row, RowPacking packing, MemorySegment destination, long at) {
      long before = offset(offsets, row) - offset(offsets, 0);
      MemorySegment whole = destination.asSlice(at, elements.rowBytes());
      packing.unpack(
          bits.asSlice(row * elements.maskRowBytes()),
          values.asSlice(before * elements.valueBytes()),
          elements.bits(),
          whole);
      elements.turn(whole);
    }
  }
}
