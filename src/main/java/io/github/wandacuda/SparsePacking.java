package io.github.wandacuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Takes the zeros out of a dense matrix: counts first, then writes. */
final class SparsePacking {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final WeightMatrix weight;
  private final SparseShape shape;
  private final SparseRow row;
  private long stored;

  SparsePacking(WeightMatrix weight) {
    this.weight = weight;
    shape = new SparseShape(weight.rows(), weight.columns());
    row = new SparseRow(weight.dtype(), weight.columns());
  }

  /** Returns the row offsets, from which on the other sizes are known. */
  MemorySegment offsets(Arena arena) {
    MemorySegment offsets = arena.allocate((long) weight.rows() * Long.BYTES, Long.BYTES);
    stored = 0;
    for (int r = 0; r < weight.rows(); r++) {
      offsets.set(LONG, (long) r * Long.BYTES, stored);
      row.read(weight, r);
      stored += row.pack();
    }
    return offsets;
  }

  long maskBytes() {
    return weight.rows() * shape.rowBytes();
  }

  long valueBytes() {
    return stored * weight.dtype().bytes();
  }

  void write(MemorySegment values, MemorySegment bits) {
    long at = 0;
    for (int r = 0; r < weight.rows(); r++) {
      row.read(weight, r);
      int count = row.pack();
      row.writeValues(values, at, count);
      row.writeBits(bits, r * shape.rowBytes());
      at += (long) count * weight.dtype().bytes();
    }
  }
}
