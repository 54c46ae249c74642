package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.Mask;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Packed masks: a bit a column, least significant first, 1 for a kept weight, rows in bytes. */
public final class PackedMasks {
  /** How many rows a worker takes at a time. */
  private static final int ROWS = 16;

  private PackedMasks() {}

  /**
   * Checks a mask's size.
   *
   * @throws IllegalArgumentException if it isn't that of a mask of so many rows and columns
   */
  public static void require(MemorySegment mask, int rows, int columns) {
    long needed = rows * Selector.maskRowBytes(columns);
    if (mask.byteSize() != needed) {
      throw new IllegalArgumentException(
          "mask of %d x %d: expected %d bytes, found %d"
              .formatted(rows, columns, needed, mask.byteSize()));
    }
  }

  /**
   * Unpacks a row.
   *
   * @param mask of all rows
   * @param kept takes for each column whether it is kept
   */
  public static void read(MemorySegment mask, int row, boolean[] kept) {
    long start = row * Selector.maskRowBytes(kept.length);
    for (int first = 0; first < kept.length; first += Byte.SIZE) {
      int bits = mask.get(ValueLayout.JAVA_BYTE, start + first / Byte.SIZE);
      for (int k = first; k < Math.min(kept.length, first + Byte.SIZE); k++) {
        kept[k] = (bits >>> (k - first) & 1) != 0;
      }
    }
  }

  /**
   * Packs a row; the bits that fill its last byte become 0.
   *
   * @param kept for each column whether it is kept
   * @param mask of all rows
   */
  public static void write(boolean[] kept, MemorySegment mask, int row) {
    long start = row * Selector.maskRowBytes(kept.length);
    for (int first = 0; first < kept.length; first += Byte.SIZE) {
      int bits = 0;
      for (int k = first; k < Math.min(kept.length, first + Byte.SIZE); k++) {
        bits |= kept[k] ? 1 << (k - first) : 0;
      }
      mask.set(ValueLayout.JAVA_BYTE, start + first / Byte.SIZE, (byte) bits);
    }
  }

  /**
   * Sets to zero what is pruned of a matrix.
   *
   * @param weights float32 with dense rows, changed in place
   * @param mask of all its rows
   */
  public static void clear(WeightMatrix weights, MemorySegment mask, WorkerPool workers) {
    int columns = weights.columns();
    workers.runRanges(
        weights.rows(),
        ROWS,
        (worker, from, to) -> {
          MemorySegment bits = mask.asSlice(from * Selector.maskRowBytes(columns));
          Mask.of(bits, to - from, columns).applyTo(weights.rows(from, to - from));
        });
  }

  /** Returns the first row whose last byte has a bit set that is no column's, or -1 if none has. */
  static int firstWrongPadding(LinearModule module, MemorySegment mask) {
    int used = module.columns() % Byte.SIZE;
    if (used == 0) {
      return -1;
    }
    long rowBytes = Selector.maskRowBytes(module.columns());
    for (int row = 0; row < module.rows(); row++) {
      int last = mask.get(ValueLayout.JAVA_BYTE, (row + 1) * rowBytes - 1) & 0xff;
      if (last >>> used != 0) {
        return row;
      }
    }
    return -1;
  }
}
