package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/** A matrix at an odd address between bytes that belong to nobody. */
public record PlacedMatrix(MemorySegment memory, WeightMatrix view) {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BEFORE = 3;
  private static final int AFTER = 37;
  private static final byte NOBODYS = 0x5a;

  /** Ways in which a matrix may lie in memory. */
  public enum Layout {
    DENSE,
    WIDE_ROWS,
    TRANSPOSED,
    SPREAD;

    private long rowStride(int columns) {
      return switch (this) {
        case DENSE -> columns;
        case WIDE_ROWS -> columns + 5;
        case TRANSPOSED -> 1;
        case SPREAD -> 3L * columns + 2;
      };
    }

    private long columnStride(int rows) {
      return switch (this) {
        case DENSE, WIDE_ROWS -> 1;
        case TRANSPOSED -> rows + 1;
        case SPREAD -> 3;
      };
    }
  }

  public static PlacedMatrix of(Layout layout, DType dtype, int rows, int columns) {
    long rowStride = layout.rowStride(columns);
    long columnStride = layout.columnStride(rows);
    long elements = (rows + 1L) * rowStride + (columns + 1L) * columnStride;
    MemorySegment memory = Arena.ofAuto().allocate(elements * dtype.bytes() + BEFORE + AFTER, 8);
    memory.fill(NOBODYS);
    MemorySegment data = memory.asSlice(BEFORE, memory.byteSize() - BEFORE - AFTER);
    return new PlacedMatrix(
        memory, new WeightMatrix(data, dtype, rows, columns, rowStride, columnStride));
  }

  public PlacedMatrix filled(int[][] bits) {
    for (int r = 0; r < view.rows(); r++) {
      for (int c = 0; c < view.columns(); c++) {
        set(r, c, bits[r][c]);
      }
    }
    return this;
  }

  public void set(int row, int column, int bits) {
    long at = view.byteOffset(row, column);
    if (view.dtype() == DType.F32) {
      view.data().set(INT, at, bits);
    } else {
      view.data().set(SHORT, at, (short) bits);
    }
  }

  public byte[] bytes() {
    return memory.toArray(ValueLayout.JAVA_BYTE);
  }

  /** Returns a matrix of the same layout with the same content. */
  public PlacedMatrix copy() {
    MemorySegment copied = Arena.ofAuto().allocate(memory.byteSize(), 8).copyFrom(memory);
    MemorySegment data = copied.asSlice(BEFORE, view.data().byteSize());
    return new PlacedMatrix(
        copied,
        new WeightMatrix(
            data,
            view.dtype(),
            view.rows(),
            view.columns(),
            view.rowStride(),
            view.columnStride()));
  }

  @Override
  public String toString() {
    return view + " of " + Arrays.toString(bytes());
  }
}
