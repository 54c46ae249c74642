package io.github.wandacuda;

import static io.github.wandacuda.DType.INT;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What the codes and the scales of a quantized weight stand for: small floating-point numbers (the
 * OCP specifications of 8-bit floating point and of microscaling formats), small whole numbers, and
 * the types that a checkpoint computes with.
 */
public enum NumberFormat {
  /** Sign, 4 bits of exponent, 3 of mantissa; no infinities, NaN is 0x7f and 0xff. */
  E4M3(8),
  /** Sign, 5 bits of exponent, 2 of mantissa; infinities and NaN as in IEEE 754. */
  E5M2(8),
  /** Sign, 2 bits of exponent, 1 of mantissa: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. */
  E2M1(4),
  /** A power of two, 2^(code - 127); 255 is NaN. */
  E8M0(8),
  /** A whole number from -128 to 127. */
  I8(8),
  /** A whole number from 0 on, of 1 to 8 bits; values are those of 8. */
  UNSIGNED(8),
  /** See {@link DType#F16}. */
  F16(16),
  /** See {@link DType#BF16}. */
  BF16(16),
  /** See {@link DType#F32}. */
  F32(32);

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BYTE = 0xff;
  private static final int EXPONENT_OF_ONE = 127;

  private final int bits;
  private final float[] values;

  NumberFormat(int bits) {
    this.bits = bits;
    values = new float[bits > Byte.SIZE ? 0 : 1 << bits];
    for (int code = 0; code < values.length; code++) {
      values[code] =
          switch (bits + ":" + name()) {
            case "8:E4M3" -> (code & 0x7f) == 0x7f ? Float.NaN : small(code, 8, 3, 7);
            case "8:E5M2" -> Float.float16ToFloat((short) (code << Byte.SIZE));
            case "4:E2M1" -> small(code, bits, 1, 1);
            case "8:E8M0" -> code == BYTE ? Float.NaN : Math.scalb(1f, code - EXPONENT_OF_ONE);
            case "8:I8" -> (byte) code;
            default -> code;
          };
    }
  }

  /** Returns the value of a floating-point code that is finite. */
  private static float small(int code, int bits, int mantissa, int bias) {
    int low = code & (1 << mantissa) - 1;
    int exponent = code >> mantissa & (1 << bits - 1 - mantissa) - 1;
    float magnitude =
        exponent == 0
            ? Math.scalb(low, 1 - bias - mantissa)
            : Math.scalb(low + (1 << mantissa), exponent - bias - mantissa);
    return code >> bits - 1 == 0 ? magnitude : -magnitude;
  }

  /** {@return the bits of one number; of {@link #UNSIGNED} the most} */
  public int bits() {
    return bits;
  }

  /**
   * {@return the number that a code stands for, exactly}
   *
   * @param code of which the lowest bits count
   */
  public float value(int code) {
    return switch (this) {
      case F16 -> Float.float16ToFloat((short) code);
      case BF16 -> Float.intBitsToFloat(code << Short.SIZE);
      case F32 -> Float.intBitsToFloat(code);
      default -> values[code & values.length - 1];
    };
  }

  /**
   * {@return number {@code index} of some that lie one after the other, of a format of whole bytes}
   *
   * @param data where they lie, little-endian
   * @param index from 0
   */
  public float value(MemorySegment data, long index) {
    return switch (bits) {
      case Integer.SIZE -> value(data.get(INT, index * Integer.BYTES));
      case Short.SIZE -> value(data.get(SHORT, index * Short.BYTES));
      default -> value(data.get(ValueLayout.JAVA_BYTE, index));
    };
  }

  /**
   * {@return the code of the number nearest to another one, of two equally near the even code; one
   * that is too large becomes the largest, and a zero keeps its sign}
   *
   * @param value finite
   */
  public int nearest(float value) {
    int half = values.length / 2;
    float magnitude = Math.abs(value);
    int code = 0;
    while (code + 1 < half
        && Float.isFinite(values[code + 1])
        && isNearer(magnitude, values[code], values[code + 1], code)) {
      code++;
    }
    return Float.floatToRawIntBits(value) < 0 ? code + half : code;
  }

  /** Returns whether a magnitude belongs to the upper of two neighbours or beyond. */
  private static boolean isNearer(float magnitude, float low, float high, int code) {
    double middle = ((double) low + high) / 2;
    return magnitude > middle || (magnitude == middle && code % 2 != 0);
  }
}
