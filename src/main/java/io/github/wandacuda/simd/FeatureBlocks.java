package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.PackedWeight;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A weight in the order in which {@link VectorLinearRows} reads it, once from the first byte to the
 * last: by blocks of {@link #FEATURES} features, within a block by columns. In place, a row of
 * weights belongs to one feature, so 16 rows would have to be transposed in registers first, which
 * takes longer than reading memory does. A block is narrow, since several are read side by side: a
 * processor fetches several streams from memory faster than one.
 *
 * <p>Types stay as they are. Of BF16, the weights of feature i of 16 (a vector's length) and of
 * feature i + 16 are the halves of an int, so that a vector of ints becomes two vectors of features
 * by a shift and a mask.
 *
 * @param arena owns the memory, and is closed with this
 * @param rows features of the weight
 * @param columns columns of the weight
 * @param data the blocks; features that pad the last one have undefined content
 */
record FeatureBlocks(Arena arena, DType dtype, int rows, int columns, MemorySegment data)
    implements PackedWeight {
  /** Vectors of features of a block. */
  static final int VECTORS = 2;

  public static final int FEATURES = VECTORS * Lanes.COUNT;

  private static final int W = Lanes.COUNT;

  /** Columns that are packed at a time, in the first-level cache. */
  private static final int COLUMNS = 64;

  private static final int PAGE = 4096;

  /**
   * Copies a weight into blocks.
   *
   * @param workers pack blocks side by side
   * @return the caller's to close
   */
  @SuppressWarnings("MustBeClosedChecker") // Closed with the blocks.
  public static FeatureBlocks of(WeightMatrix w, WorkerPool workers) {
    Arena arena = Arena.ofShared();
    long rows = (long) Math.ceilDiv(w.rows(), FEATURES) * FEATURES;
    long bytes = Math.max(1, rows * w.columns() * w.dtype().bytes());
    MemorySegment data = OnFailure.close(arena::close, () -> arena.allocate(bytes, PAGE));
    FeatureBlocks packed = new FeatureBlocks(arena, w.dtype(), w.rows(), w.columns(), data);
    OnFailure.run(
        packed::close,
        () -> workers.run(packed.blocks(), (worker, block) -> packed.pack(w, block)));
    return packed;
  }

  private void pack(WeightMatrix w, int block) {
    float[] row = new float[COLUMNS];
    float[] floats = new float[dtype == DType.F32 ? COLUMNS * FEATURES : 0];
    short[] halves = new short[dtype == DType.F32 ? 0 : COLUMNS * FEATURES];
    int first = block * FEATURES;
    int count = Math.min(FEATURES, rows - first);
    for (int column = 0; column < columns; column += COLUMNS) {
      int depth = Math.min(COLUMNS, columns - column);
      for (int i = 0; i < count; i++) {
        w.read(first + i, column, depth, row, 0);
        switch (dtype) {
          case F32 -> RegisterTile.stand(row, 0, depth, floats, i, FEATURES);
          case BF16 -> standBfloats(row, depth, halves, place(i));
          case F16 -> standHalves(row, depth, halves, i);
        }
      }
      long to = at(first, column);
      if (dtype == DType.F32) {
        MemorySegment.copy(floats, 0, data, ValueLayout.JAVA_FLOAT, to, depth * FEATURES);
      } else {
        MemorySegment.copy(halves, 0, data, ValueLayout.JAVA_SHORT, to, depth * FEATURES);
      }
    }
  }

  /** Returns where a feature of a block lies among the BF16 of a column. */
  private static int place(int feature) {
    return 2 * (feature % W) + feature / W;
  }

  private static void standBfloats(float[] row, int depth, short[] to, int at) {
    for (int k = 0; k < depth; k++) {
      to[at + k * FEATURES] = (short) (Float.floatToRawIntBits(row[k]) >>> Short.SIZE);
    }
  }

  private static void standHalves(float[] row, int depth, short[] to, int at) {
    for (int k = 0; k < depth; k++) {
      to[at + k * FEATURES] = Float.floatToFloat16(row[k]);
    }
  }

  private int blocks() {
    return Math.ceilDiv(rows, FEATURES);
  }

  private long blockBytes() {
    return (long) columns * FEATURES * dtype.bytes();
  }

  /**
   * Returns where a column of a block is, in bytes.
   *
   * @param feature the block's first
   */
  public long at(int feature, int column) {
    return feature / FEATURES * blockBytes() + (long) column * FEATURES * dtype.bytes();
  }

  @Override
  public void close() {
    arena.close();
  }

  private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final int HALF_BITS = 16;
  private static final int UPPER = 0xffff_0000;

  /**
   * Loads a vector of float32 weights.
   *
   * @param at their offset, in bytes
   */
  public static FloatVector floats(MemorySegment data, long at) {
    return FloatVector.fromMemorySegment(Lanes.FLOATS, data, at, ByteOrder.nativeOrder());
  }

  /**
   * Loads a vector of pairs of BF16 weights.
   *
   * @param at their offset, in bytes
   */
  public static IntVector pairs(MemorySegment data, long at) {
    return IntVector.fromMemorySegment(Lanes.INTS, data, at, ByteOrder.nativeOrder());
  }

  /** Returns the BF16 in the lower halves. */
  public static FloatVector lowBfloats(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
  }

  /** Returns the BF16 in the upper halves. */
  public static FloatVector highBfloats(IntVector pairs) {
    return pairs.and(UPPER).reinterpretAsFloats();
  }

  /**
   * Widens F16. The JIT makes the processor's own instruction of this loop, which the Vector API
   * lacks; done by shifts and a product, subnormals take a hundred times as long as others.
   *
   * @param at the offset of the first one
   * @param count how many
   * @param to takes the numbers from {@code offset} on
   */
  public static void halves(MemorySegment data, long at, int count, float[] to, int offset) {
    for (int i = 0; i < count; i++) {
      to[offset + i] = Float.float16ToFloat(data.get(HALF, at + (long) Short.BYTES * i));
    }
  }
}
