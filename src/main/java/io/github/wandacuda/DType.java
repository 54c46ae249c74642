package io.github.wandacuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * The element types whose values this library computes with; every other one passes through it as
 * bytes.
 *
 * <p>This is the one place that says what an element's bytes mean. Elements are little-endian and
 * need no alignment.
 */
public enum DType {
  /** IEEE 754 binary32. */
  F32(Float.BYTES),
  /** IEEE 754 binary16. */
  F16(Short.BYTES),
  /** The upper half of a binary32. */
  BF16(Short.BYTES);

  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Elements that are copied at a time before they are widened. */
  private static final int BUFFER = 1024;

  private static final ThreadLocal<short[]> HALVES =
      ThreadLocal.withInitial(() -> new short[BUFFER]);

  /** One less than half of what the last bit that BF16 keeps stands for. */
  private static final int BELOW_HALF = 0x7fff;

  private static final int QUIET = 0x40;

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** {@return the size of one element in bytes} */
  public int bytes() {
    return bytes;
  }

  /**
   * {@return the type that a safetensors header calls {@code name}, or nothing for one that this
   * library does not compute with}
   *
   * @param name as the header spells it
   */
  public static Optional<DType> of(String name) {
    for (DType dtype : values()) {
      if (dtype.name().equals(name)) {
        return Optional.of(dtype);
      }
    }
    return Optional.empty();
  }

  /**
   * {@return the number that an element's bits stand for, exactly}
   *
   * @param bits of which the lowest count, as many as an element has
   */
  public float value(int bits) {
    return switch (this) {
      case F32 -> Float.intBitsToFloat(bits);
      case F16 -> Float.float16ToFloat((short) bits);
      case BF16 -> Float.intBitsToFloat(bits << Short.SIZE);
    };
  }

  /**
   * {@return the bits of the element nearest to a number, of two equally near the one whose last
   * bit is 0; the upper bits are 0}
   *
   * @param value one too large becomes infinite; NaN stays NaN
   */
  public int bits(float value) {
    return switch (this) {
      case F32 -> Float.floatToRawIntBits(value);
      case F16 -> Short.toUnsignedInt(Float.floatToFloat16(value));
      case BF16 -> {
        int bits = Float.floatToRawIntBits(value);
        yield Float.isNaN(value)
            ? bits >>> Short.SIZE | QUIET
            : bits + BELOW_HALF + (bits >>> Short.SIZE & 1) >>> Short.SIZE;
      }
    };
  }

  /**
   * {@return the number nearest to another one that an element can hold, as {@link #bits(float)}
   * rounds}
   *
   * @param value any number
   */
  public float rounded(float value) {
    return value(bits(value));
  }

  /**
   * {@return an element's bits; the upper ones are 0}
   *
   * @param data where the element is
   * @param at its offset in bytes
   */
  public int bits(MemorySegment data, long at) {
    return bytes == Integer.BYTES ? data.get(INT, at) : Short.toUnsignedInt(data.get(SHORT, at));
  }

  /**
   * Sets an element to some bits.
   *
   * @param data where the element is
   * @param at its offset in bytes
   * @param bits of which the lowest count
   */
  public void setBits(MemorySegment data, long at, int bits) {
    if (bytes == Integer.BYTES) {
      data.set(INT, at, bits);
    } else {
      data.set(SHORT, at, (short) bits);
    }
  }

  /**
   * {@return an element, widened exactly}
   *
   * @param data where the element is
   * @param at its offset in bytes
   */
  public float value(MemorySegment data, long at) {
    return value(bits(data, at));
  }

  /**
   * Sets an element to the number that is nearest to {@code value}, as {@link #bits(float)} rounds.
   *
   * @param data where the element is
   * @param at its offset in bytes
   * @param value any number
   */
  public void put(MemorySegment data, long at, float value) {
    setBits(data, at, bits(value));
  }

  /**
   * Widens some elements exactly. Consecutive ones are only read by bulk copies: if the memory is a
   * mapping of a file that was truncated meanwhile, such a copy fails with an error, while a
   * compiled loop of loads could crash the JVM.
   *
   * @param data where the elements are
   * @param at the first one's offset in bytes
   * @param stride from one element to the next, in elements
   * @param to receives the numbers
   * @param offset where in it the first goes
   * @param count how many there are
   */
  public void read(MemorySegment data, long at, long stride, float[] to, int offset, int count) {
    if (stride != 1) {
      for (int i = 0; i < count; i++) {
        to[offset + i] = value(data, at + i * stride * bytes);
      }
      return;
    }
    if (this == F32) {
      MemorySegment.copy(data, FLOAT, at, to, offset, count);
      return;
    }
    short[] halves = HALVES.get();
    for (int done = 0; done < count; done += BUFFER) {
      int part = Math.min(BUFFER, count - done);
      MemorySegment.copy(data, SHORT, at + (long) done * bytes, halves, 0, part);
      if (this == F16) {
        for (int i = 0; i < part; i++) {
          to[offset + done + i] = Float.float16ToFloat(halves[i]);
        }
      } else {
        for (int i = 0; i < part; i++) {
          to[offset + done + i] = Float.intBitsToFloat(halves[i] << Short.SIZE);
        }
      }
    }
  }
}
