package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.scalar.RowPacking;
import java.lang.foreign.MemorySegment;

/**
 * Some rows of a packed weight in memory, checked: bits, values and offsets agree.
 *
 * @param columns elements of a row
 * @param elementBytes bytes of an element, 2 or 4
 * @param offsets 64-bit integers, little-endian: where each row's values begin in the weight,
 *     counted in values, and where the last row's end
 * @param bits a bit for each element, a row in whole bytes, the least significant bit first
 * @param values the rows' kept elements, and {@link RowPacking#SLACK} bytes behind them
 */
record PackedRows(
    int columns,
    int elementBytes,
    MemorySegment offsets,
    MemorySegment bits,
    MemorySegment values) {
  /** Returns where a row's values begin in {@link #values}, in bytes. */
  public long valuesAt(int row) {
    return (offsets.get(LONG, (long) row * Long.BYTES) - offsets.get(LONG, 0)) * elementBytes;
  }

  /** Writes a row as it was before it was packed. */
  void unpack(int row, RowPacking packing, MemorySegment destination, long at) {
    packing.unpack(
        bits,
        row * RowPacking.maskBytes(columns),
        values,
        valuesAt(row),
        columns,
        elementBytes,
        destination,
        at);
  }
}
