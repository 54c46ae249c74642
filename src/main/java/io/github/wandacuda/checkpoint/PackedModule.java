package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.scalar.RowPacking;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.List;
import java.util.Optional;

/**
 * A packed weight in its shard. Rows and columns are those in which it is stored: of a Conv1D,
 * which is stored as [in, out], the rows are input features.
 *
 * @param file the packed shard as it is stored
 * @param weight the tensor that it stands for, such as {@code model.layers.0.mlp.up_proj.weight}
 * @param values the kept elements, [count], row by row
 * @param bitmask which elements are kept, U8 [rows, ceil(columns / 8)]
 * @param rowOffsets how many values come before each row, I64 [rows]
 */
public record PackedModule(
    SafetensorsFile file,
    TensorInfo weight,
    TensorInfo values,
    TensorInfo bitmask,
    TensorInfo rowOffsets) {
  /** Returns the packed weight that a checkpoint's tensor stands for, or nothing if it is dense. */
  public static Optional<PackedModule> of(Checkpoint.Entry entry) {
    return entry.shard().bytes() instanceof PackedShard shard
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
    String name = weight.name().substring(0, weight.name().length() - PackedFormat.WEIGHT.length());
    long rows = weight.rows();
    long columns = weight.columns();
    Part parts = new Part(file, name);
    TensorInfo values = parts.vector(PackedFormat.COMPRESSED, weight.dtype(), weight.elements());
    TensorInfo bitmask =
        parts.find(PackedFormat.BITMASK, "U8", List.of(rows, RowPacking.maskBytes(columns)));
    TensorInfo offsets = parts.find(PackedFormat.ROW_OFFSETS, "I64", List.of(rows));
    TensorInfo shape = parts.find(PackedFormat.SHAPE, "I64", List.of(2L));
    MemorySegment sizes = MemorySegment.ofArray(new byte[2 * Long.BYTES]);
    file.read(shape, 0, sizes);
    if (sizes.get(LONG, 0) != rows || sizes.get(LONG, Long.BYTES) != columns) {
      throw Malformed.tensor(
          file.path(),
          shape.name(),
          "[%d, %d], as %s has".formatted(rows, columns, PackedFormat.SOURCE_HEADER),
          "[%d, %d]".formatted(sizes.get(LONG, 0), sizes.get(LONG, Long.BYTES)));
    }
    return new PackedModule(file, weight, values, bitmask, offsets);
  }

  /** Finds the parts of one weight. */
  private record Part(SafetensorsFile file, String module) {
    TensorInfo find(String suffix, String dtype, List<Long> shape) {
      TensorInfo found = find(suffix);
      if (!found.dtype().equals(dtype) || !found.shape().equals(shape)) {
        throw wrong(found, "%s %s".formatted(dtype, shape));
      }
      return found;
    }

    TensorInfo vector(String suffix, String dtype, long most) {
      TensorInfo found = find(suffix);
      if (!found.dtype().equals(dtype)
          || found.shape().size() != 1
          || found.shape().getFirst() > most) {
        throw wrong(found, "%s, at most [%d]".formatted(dtype, most));
      }
      return found;
    }

    private TensorInfo find(String suffix) {
      return file.tensor(module + suffix)
          .orElseThrow(
              () ->
                  Malformed.tensor(
                      file.path(), module + suffix, "it beside the module's others", "none"));
    }

    private RuntimeException wrong(TensorInfo found, String expected) {
      return Malformed.tensor(
          file.path(), found.name(), expected, "%s %s".formatted(found.dtype(), found.shape()));
    }
  }

  /** Returns the number of stored rows. */
  public int rows() {
    return weight.rows();
  }

  /** Returns the number of stored columns. */
  public int columns() {
    return weight.columns();
  }

  /** Returns the type of the values. */
  public DType dtype() {
    return weight.type().orElseThrow();
  }

  /** Returns how many elements are kept. */
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
   * @param memory where it goes
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
   * @param memory where they go
   * @throws io.github.wandacuda.error.InputException if the file was cut, or offsets, bits and
   *     values contradict each other
   */
  public PackedRows read(int first, int count, SegmentAllocator memory) {
    PackedRowCheck check = new PackedRowCheck(this, first, count);
    MemorySegment offsets = memory.allocate((count + 1L) * Long.BYTES, Long.BYTES);
    boolean last = first + count == rows();
    long known = (last ? count : count + 1L) * Long.BYTES;
    file.read(rowOffsets, (long) first * Long.BYTES, offsets.asSlice(0, known));
    if (last) {
      offsets.set(LONG, known, count());
    }
    check.requireOffsets(offsets);
    long rowBytes = RowPacking.maskBytes(columns());
    MemorySegment bits = memory.allocate(count * rowBytes, Long.BYTES);
    file.read(bitmask, first * rowBytes, bits);
    check.requireBits(offsets, bits);
    long from = offsets.get(LONG, 0);
    long bytes = (offsets.get(LONG, (long) count * Long.BYTES) - from) * dtype().bytes();
    MemorySegment stored = memory.allocate(bytes + RowPacking.SLACK, RowPacking.SLACK);
    file.read(values, from * dtype().bytes(), stored.asSlice(0, bytes));
    return new PackedRows(columns(), dtype().bytes(), offsets, bits, stored);
  }
}
