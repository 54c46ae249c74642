package io.github.wandacuda.forward.simd.blocks;

import io.github.wandacuda.simd.Lanes;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Loads vectors of {@link FeatureBlocks}, and widens those of 16 bits exactly. */
public final class BlockWidening {
  private static final int HALF_BITS = 16;
  private static final int UPPER = 0xffff_0000;

  /** Bits by which an F16's exponent is shorter than that of a float32. */
  private static final int SHORTER_EXPONENT = 3;

  /** Where an F16 of the upper half lies once it is moved to the fraction of a float32. */
  private static final int MOVED = 0x8fff_e000;

  /** 2^112, by which the exponents' biases differ; it makes subnormals normal too. */
  private static final float BIAS = 0x1p112f;

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

  /** Returns the F16 in the lower halves, which are finite. */
  public static FloatVector lowHalves(IntVector pairs) {
    return highHalves(pairs.lanewise(VectorOperators.LSHL, HALF_BITS));
  }

  /** Returns the F16 in the upper halves, which are finite. */
  public static FloatVector highHalves(IntVector pairs) {
    return pairs
        .lanewise(VectorOperators.ASHR, SHORTER_EXPONENT)
        .and(MOVED)
        .reinterpretAsFloats()
        .mul(BIAS);
  }
}
