package io.github.wandacuda.simd;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.scalar.PackedWeight;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * A quantized weight in the order in which {@link VectorLinearCodes} reads it: by blocks of
 * features, within a block by columns, as {@link FeatureBlocks} stores other weights. Codes stay
 * codes. Of 4-bit codes, a byte holds that of a feature in its lower half and that of the feature a
 * vector's length further in its upper half. Scales are widened to float32, one for each feature of
 * a block and each group of columns.
 */
final class CodeBlocks implements PackedWeight {
  static final int FEATURES = FeatureBlocks.FEATURES;

  private static final int W = Lanes.COUNT;
  private static final int PAGE = 4096;
  private static final int NIBBLE = 4;
  private static final float MOST_SCALE = 0x1p7f;

  private final Arena arena = Arena.ofShared();
  private final int rows;
  private final int columns;

  /** Columns that share a scale. */
  private final int groupColumns;

  /** The values of codes of 4 bits, less the zero point; null for codes of a byte. */
  private final float[] table;

  private final NumberFormat format;
  private final float zero;
  private final MemorySegment codes;
  private final MemorySegment scales;

  /**
   * Whether {@link VectorLinearCodes} can multiply: no code is NaN, and all scales are in its
   * range.
   */
  private volatile boolean isMultiplied = true;

  private CodeBlocks(QuantizedMatrix w) {
    Scales scaling = w.scales();
    rows = w.rows();
    columns = w.columns();
    groupColumns = Math.min(columns, scaling.blockColumns());
    format = w.codes().format();
    zero = format.value(scaling.zero());
    table = w.codes().bits() == NIBBLE ? new float[1 << NIBBLE] : null;
    for (int code = 0; table != null && code < table.length; code++) {
      table[code] = format.value(code) - zero;
    }
    codes = arena.allocate(blocks() * blockBytes(), PAGE);
    scales = arena.allocate((long) blocks() * groups() * FEATURES * Float.BYTES, PAGE);
  }

  /**
   * Packs a weight.
   *
   * @param workers pack blocks side by side
   * @return nothing if it is of a format that isn't multiplied so
   */
  static Optional<PackedWeight> of(QuantizedMatrix w, WorkerPool workers) {
    Scales scaling = w.scales();
    boolean plain =
        scaling.groupOf() == null
            && scaling.zeros() == null
            && scaling.factor() == 1
            && !scaling.divides();
    boolean lookedUp = w.codes().bits() == NIBBLE && W >= 1 << NIBBLE - 1;
    boolean bytes =
        w.codes().format() == NumberFormat.E4M3 && scaling.zero() == 0 && W >= Long.BYTES;
    if (!plain || !(lookedUp || bytes) || w.rows() == 0 || w.columns() == 0) {
      return Optional.empty();
    }
    CodeBlocks packed = new CodeBlocks(w);
    OnFailure.run(
        packed::close,
        () -> workers.run(packed.blocks(), (worker, block) -> packed.pack(w, block)));
    if (packed.isMultiplied) {
      return Optional.of(packed);
    }
    packed.close();
    return Optional.empty();
  }

  private void pack(QuantizedMatrix w, int block) {
    int first = block * FEATURES;
    int count = Math.min(FEATURES, rows - first);
    byte[] row = new byte[columns];
    byte[] packed = new byte[columns * columnBytes()];
    boolean multiplied = true;
    for (int i = 0; i < count; i++) {
      w.codes(first + i, row);
      multiplied &= table != null || !hasNaN(row);
      int place = table == null ? i : i % W;
      int shift = table == null || i < W ? 0 : NIBBLE;
      for (int column = 0; column < columns; column++) {
        packed[column * columnBytes() + place] |= (byte) (row[column] << shift);
      }
      for (int group = 0; group < groups(); group++) {
        float scale = w.scale(first + i, group * groupColumns);
        long at = ((long) block * groups() + group) * FEATURES + i;
        scales.setAtIndex(ValueLayout.JAVA_FLOAT, at, scale);
        multiplied &= scale < MOST_SCALE;
      }
    }
    MemorySegment.copy(
        packed, 0, codes, ValueLayout.JAVA_BYTE, block * blockBytes(), packed.length);
    if (!multiplied) {
      // No &=, which another thread's could undo.
      isMultiplied = false;
    }
  }

  private static boolean hasNaN(byte[] codes) {
    boolean found = false;
    for (byte code : codes) {
      found |= (code & 0x7f) == 0x7f;
    }
    return found;
  }

  private int blocks() {
    return Math.ceilDiv(rows, FEATURES);
  }

  private int groups() {
    return Math.ceilDiv(columns, groupColumns);
  }

  int columnBytes() {
    return table == null ? FEATURES : FEATURES / 2;
  }

  private long blockBytes() {
    return (long) columns * columnBytes();
  }

  /**
   * Returns where a column of a block is among the codes, in bytes.
   *
   * @param feature the block's first
   */
  long at(int feature, int column) {
    return feature / FEATURES * blockBytes() + (long) column * columnBytes();
  }

  /**
   * Returns where the scales of a column's group are in a block, in bytes.
   *
   * @param feature the block's first
   */
  long scaleAt(int feature, int column) {
    long group = (long) (feature / FEATURES) * groups() + column / groupColumns;
    return group * FEATURES * Float.BYTES;
  }

  int groupColumns() {
    return groupColumns;
  }

  float[] table() {
    return table;
  }

  MemorySegment codes() {
    return codes;
  }

  MemorySegment scales() {
    return scales;
  }

  /**
   * Widens a part of a row, as {@link QuantizedMatrix#read} does.
   *
   * @param column the first column
   * @param to takes {@code count} numbers from {@code offset} on
   */
  void read(int row, int column, int count, float[] to, int offset) {
    int feature = row % FEATURES;
    int place = table == null ? feature : feature % W;
    int shift = table == null || feature < W ? 0 : NIBBLE;
    for (int i = 0; i < count; i++) {
      byte code = codes.get(ValueLayout.JAVA_BYTE, at(row, column + i) + place);
      float value = table == null ? format.value(code) - zero : table[code >> shift & 0xf];
      long scale = scaleAt(row, column + i) + (long) feature * Float.BYTES;
      to[offset + i] = value * scales.get(ValueLayout.JAVA_FLOAT, scale);
    }
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public void close() {
    arena.close();
  }
}
