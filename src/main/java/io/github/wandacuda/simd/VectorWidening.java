package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.FLOATS;
import static io.github.wandacuda.simd.Lanes.INTS;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.WideningKernels;
import io.github.wandacuda.scalar.ScalarWidening;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Widens codes with vectors. A code's exponent and mantissa are brought to their places in a
 * float32 with the exponent rebiased: a normal code is x then, and a subnormal one, whose leading
 * bit isn't there, 2x - 2^(1 - bias). The lower of both is right for either kind of code, as {@link
 * Scores} says of F16. All operands are normal, since subnormal ones may be slow.
 */
public final class VectorWidening implements WideningKernels {
  /** The shortest vector of bytes has 8, which are two vectors of floats of 128 bits. */
  private static final VectorSpecies<Byte> BYTES =
      VectorShape.forBitSize(Math.max(64, COUNT * Byte.SIZE)).withLanes(byte.class);

  private static final int STEP = BYTES.length();
  private static final int EXPONENT_OF_ONE = 127;
  private static final int FRACTION_BITS = 23;
  private static final int SIGN = 1 << 31;
  private static final FloatVector TWO = FloatVector.broadcast(FLOATS, 2);
  private static final WideningKernels REST = new ScalarWidening();

  @Override
  public void widen(
      NumberFormat format,
      byte[] codes,
      int from,
      int count,
      float zero,
      float scale,
      float[] to,
      int offset) {
    boolean whole = format == NumberFormat.I8 || format == NumberFormat.UNSIGNED;
    // Vectors skip the subtraction of a zero point of +0. That of -0 turns -0 into +0.
    boolean alone = whole || Float.floatToRawIntBits(zero) == 0;
    int done =
        switch (alone ? format : NumberFormat.F32) {
          case E4M3 -> small(codes, from, count, 8, 3, 0x7f, scale, to, offset);
          case E2M1 -> small(codes, from, count, 4, 1, -1, scale, to, offset);
          case I8 -> whole(codes, from, count, -1, zero, scale, to, offset);
          case UNSIGNED -> whole(codes, from, count, 0xff, zero, scale, to, offset);
          default -> 0;
        };
    REST.widen(format, codes, from + done, count - done, zero, scale, to, offset + done);
  }

  /**
   * Widens small floating-point codes in whole vectors, and returns how many.
   *
   * @param nan the magnitude that is NaN, or -1
   */
  private static int small(
      byte[] codes,
      int from,
      int count,
      int bits,
      int mantissa,
      int nan,
      float scale,
      float[] to,
      int offset) {
    int bias = (1 << bits - 2 - mantissa) - 1;
    int magnitudes = (1 << bits - 1) - 1;
    int rebias = EXPONENT_OF_ONE - bias << FRACTION_BITS;
    FloatVector smallest = FloatVector.broadcast(FLOATS, -Math.scalb(1f, 1 - bias));
    int whole = count - count % STEP;
    for (int i = 0; i < whole; i += STEP) {
      ByteVector stored = ByteVector.fromArray(BYTES, codes, from + i);
      for (int part = 0; part < STEP / COUNT; part++) {
        IntVector code = (IntVector) stored.convertShape(VectorOperators.B2I, INTS, part);
        IntVector magnitude = code.and(magnitudes);
        IntVector sign = code.lanewise(VectorOperators.LSHL, Integer.SIZE - bits).and(SIGN);
        IntVector normal =
            magnitude.lanewise(VectorOperators.LSHL, FRACTION_BITS - mantissa).add(rebias);
        FloatVector subnormal = normal.reinterpretAsFloats().fma(TWO, smallest);
        FloatVector value =
            normal.min(subnormal.reinterpretAsInts()).or(sign).reinterpretAsFloats();
        value
            .blend(Float.NaN, magnitude.compare(VectorOperators.EQ, nan).cast(FLOATS))
            .mul(scale)
            .intoArray(to, offset + i + part * COUNT);
      }
    }
    return whole;
  }

  /**
   * Widens whole numbers in whole vectors, and returns how many.
   *
   * @param mask of the bits of a code whose sign was extended
   */
  private static int whole(
      byte[] codes,
      int from,
      int count,
      int mask,
      float zero,
      float scale,
      float[] to,
      int offset) {
    int whole = count - count % STEP;
    for (int i = 0; i < whole; i += STEP) {
      ByteVector stored = ByteVector.fromArray(BYTES, codes, from + i);
      for (int part = 0; part < STEP / COUNT; part++) {
        IntVector code = (IntVector) stored.convertShape(VectorOperators.B2I, INTS, part);
        FloatVector value =
            (FloatVector) code.and(mask).convertShape(VectorOperators.I2F, FLOATS, 0);
        value.sub(zero).mul(scale).intoArray(to, offset + i + part * COUNT);
      }
    }
    return whole;
  }
}
