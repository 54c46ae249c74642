package io.github.wandacuda.forward.simd;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Widens vectors of pairs of 16-bit floats, exactly. */
final class PairWidening {
  private static final int HALF_BITS = 16;
  private static final int UPPER = 0xffff_0000;

  private static final int F16_MAGNITUDE = 0x7fff;
  private static final int F16_EXPONENT = 0x7c00;
  private static final int F16_SIGN = 0x8000;

  /** Bits by which the fraction of a float32 is longer. */
  private static final int LONGER_FRACTION = 13;

  /** The exponent of infinities and NaN. */
  private static final int HIGHEST_EXPONENT = 0x7f80_0000;

  /** 2^112, by which the exponents' biases differ; it makes subnormals normal too. */
  private static final float BIAS = 0x1p112f;

  private PairWidening() {}

  /** Returns the BF16 in the lower halves. */
  static FloatVector lowBfloats(FloatVector pairs) {
    IntVector bits = pairs.reinterpretAsInts();
    return bits.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
  }

  /** Returns the BF16 in the upper halves. */
  static FloatVector highBfloats(FloatVector pairs) {
    return pairs.reinterpretAsInts().and(UPPER).reinterpretAsFloats();
  }

  /** Returns the F16 in the lower halves. */
  static FloatVector lowHalves(FloatVector pairs) {
    return halves(pairs.reinterpretAsInts());
  }

  /** Returns the F16 in the upper halves. */
  static FloatVector highHalves(FloatVector pairs) {
    return halves(pairs.reinterpretAsInts().lanewise(VectorOperators.LSHR, HALF_BITS));
  }

  private static FloatVector halves(IntVector bits) {
    IntVector size = bits.and(F16_MAGNITUDE).lanewise(VectorOperators.LSHL, LONGER_FRACTION);
    IntVector sign = bits.and(F16_SIGN).lanewise(VectorOperators.LSHL, HALF_BITS);
    IntVector finite = size.reinterpretAsFloats().mul(BIAS).reinterpretAsInts();
    IntVector exponent = bits.and(F16_EXPONENT);
    IntVector magnitude =
        finite.blend(
            size.or(HIGHEST_EXPONENT), exponent.compare(VectorOperators.EQ, F16_EXPONENT));
    return magnitude.or(sign).reinterpretAsFloats();
  }
}
