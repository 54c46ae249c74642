package io.github.wandacuda.simd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Loads vectors of {@link FeatureBlocks}, and widens weights of 16 bits exactly. */
final class BlockWidening {
  private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final int HALF_BITS = 16;
  private static final int UPPER = 0xffff_0000;

  private BlockWidening() {}

  /** Loads float32 weights. */
  public static FloatVector floats(MemorySegment data, long at) {
    return FloatVector.fromMemorySegment(Lanes.FLOATS, data, at, ByteOrder.nativeOrder());
  }

  /** Loads pairs of 16-bit weights. */
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
   */
  public static void halves(MemorySegment data, long at, int count, float[] to, int offset) {
    for (int i = 0; i < count; i++) {
      to[offset + i] = Float.float16ToFloat(data.get(HALF, at + (long) Short.BYTES * i));
    }
  }
}
