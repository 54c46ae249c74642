package io.github.wandacuda.library;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.PackedNames;
import io.github.wandacuda.checkpoint.SafetensorsHeader;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/** The tensors of a packed weight in a shard that lies in memory. */
record PackedParts(SafetensorsHeader header, Function<TensorInfo, MemorySegment> data) {
  /** Returns whether the shard is packed in the version that is known here and has the weight. */
  boolean has(String weight) {
    return PackedFormat.isKnown(header.metadata())
        && PackedNames.isWeight(weight)
        && header.byName().containsKey(PackedNames.of(weight).bitmask());
  }

  /** Returns a view of a weight that is {@link #has there}. */
  SparseMatrix matrix(String weight) {
    PackedNames names = PackedNames.of(weight);
    TensorInfo values = part(names.compressed());
    DType dtype = values.type().orElseThrow(() -> wrong(values, "F32, F16 or BF16"));
    TensorInfo shape = part(names.shape());
    require(shape, "I64", 2L * Long.BYTES);
    int rows = size(shape, 0);
    int columns = size(shape, Long.BYTES);
    TensorInfo bits = part(names.bitmask());
    require(bits, "U8", rows * Math.ceilDiv((long) columns, Byte.SIZE));
    TensorInfo offsets = part(names.rowOffsets());
    require(offsets, "I64", (long) rows * Long.BYTES);
    try {
      return SparseMatrix.of(
          data.apply(values), data.apply(bits), data.apply(offsets), rows, columns, dtype);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor %s: %s".formatted(weight, e.getMessage()), e);
    }
  }

  private TensorInfo part(String name) {
    TensorInfo info = header.byName().get(name);
    if (info == null) {
      throw new IllegalArgumentException(
          ErrorDetails.NOWHERE
              .tensor(name)
              .expected("it beside the module's others", "none")
              .line());
    }
    return info;
  }

  private int size(TensorInfo shape, long at) {
    long size = data.apply(shape).get(LONG, at);
    if (size < 0 || size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          ErrorDetails.NOWHERE
              .tensor(shape.name())
              .expected("sizes from 0 to %d".formatted(Integer.MAX_VALUE), String.valueOf(size))
              .line());
    }
    return (int) size;
  }

  private static void require(TensorInfo info, String dtype, long bytes) {
    if (!info.dtype().equals(dtype) || info.bytes() != bytes) {
      throw wrong(info, "%s of %d bytes".formatted(dtype, bytes));
    }
  }

  private static IllegalArgumentException wrong(TensorInfo info, String expected) {
    return new IllegalArgumentException(
        ErrorDetails.NOWHERE
            .tensor(info.name())
            .expected(expected, "%s %s".formatted(Printable.of(info.dtype()), info.shape()))
            .line());
  }
}
