package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.DType;
import java.util.EnumSet;
import java.util.Set;

/**
 * Rounds numbers to GGUF's types, to the bit as ggml's reference quantizers do without an
 * importance matrix. All products and sums are float32, in ggml's order. The layouts are those of
 * {@link GgufBlocks}.
 */
final class GgufQuantizer {
  private static final Set<GgufType> WRITTEN =
      EnumSet.of(
          GgufType.F32,
          GgufType.F16,
          GgufType.BF16,
          GgufType.Q8_0,
          GgufType.Q4_0,
          GgufType.Q4_1,
          GgufType.Q5_0,
          GgufType.Q5_1);

  private static final int BLOCK = 32;

  /** Scales that are tried where the offset is tied to the scale. */
  private static final int SCALES = 13;

  private GgufQuantizer() {}

  /** Returns the types that numbers can be rounded to. */
  static Set<GgufType> types() {
    return WRITTEN;
  }

  /**
   * Rounds numbers.
   *
   * @param type one of {@link #types}
   * @param from whole blocks
   * @param count how many numbers of these
   * @param zeros whether each 0 has to stay one; types in which it doesn't by itself then have
   *     other codes than ggml gives
   * @param to receives the blocks, from the first byte on
   */
  static void round(GgufType type, float[] from, int count, boolean zeros, byte[] to) {
    int at = 0;
    for (int first = 0; first < count; first += type.blockElements()) {
      switch (type) {
        case F32 -> u32(to, at, Float.floatToRawIntBits(from[first]));
        case F16 -> u16(to, at, DType.F16.bits(from[first]));
        case BF16 -> u16(to, at, DType.BF16.bits(from[first]));
        case Q8_0 -> q80(from, first, to, at);
        case Q4_0 -> signed(from, first, to, at, 8);
        case Q5_0 -> signed(from, first, to, at, 16);
        case Q4_1 -> offset(from, first, to, at, 15, zeros);
        case Q5_1 -> offset(from, first, to, at, 31, zeros);
        default -> throw new IllegalArgumentException(type.name());
      }
      at += type.blockBytes();
    }
  }

  private static void u16(byte[] to, int at, int value) {
    to[at] = (byte) value;
    to[at + 1] = (byte) (value >> 8);
  }

  private static void u32(byte[] to, int at, int value) {
    u16(to, at, value);
    u16(to, at + 2, value >> 16);
  }

  private static float inverse(float scale) {
    return scale == 0 ? 0 : 1 / scale;
  }

  /** The codes are made by the scale before it is rounded to a half. */
  private static void q80(float[] from, int first, byte[] to, int at) {
    float most = 0;
    for (int i = 0; i < BLOCK; i++) {
      most = Math.max(most, Math.abs(from[first + i]));
    }
    float scale = most / 127;
    float inverse = inverse(scale);
    u16(to, at, DType.F16.bits(scale));
    for (int i = 0; i < BLOCK; i++) {
      float code = from[first + i] * inverse;
      // Half away from zero; the sum is exact in double.
      to[at + 2 + i] = (byte) Math.copySign(Math.floor(Math.abs((double) code) + 0.5), code);
    }
  }

  /**
   * Q4_0 and Q5_0: the number farthest from 0 gets the code 0, which is {@code -zero}.
   *
   * @param zero the code of 0
   */
  private static void signed(float[] from, int first, byte[] to, int at, int zero) {
    float peak = 0;
    for (int i = 0; i < BLOCK; i++) {
      float value = from[first + i];
      peak = Math.abs(value) > Math.abs(peak) ? value : peak;
    }
    float scale = peak / -zero;
    float inverse = inverse(scale);
    u16(to, at, DType.F16.bits(scale));
    int[] codes = new int[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      float code = from[first + i] * inverse + (zero + 0.5f);
      codes[i] = Math.min(2 * zero - 1, (byte) (int) code);
    }
    put(codes, to, at + 2, zero == 16);
  }

  /** Returns whether a type has an offset, by which 0 lies between two codes. */
  static boolean isOffset(GgufType type) {
    return type == GgufType.Q4_1 || type == GgufType.Q5_1;
  }

  /**
   * Q4_1 and Q5_1: the least number gets the code 0, the greatest the last one.
   *
   * @param last code
   */
  private static void offset(float[] from, int first, byte[] to, int at, int last, boolean zeros) {
    if (zeros) {
      tied(from, first, to, at, (last + 1) / 2);
      return;
    }
    float least = from[first];
    float greatest = from[first];
    for (int i = 1; i < BLOCK; i++) {
      float value = from[first + i];
      least = value < least ? value : least;
      greatest = value > greatest ? value : greatest;
    }
    float scale = (greatest - least) / last;
    float inverse = inverse(scale);
    u16(to, at, DType.F16.bits(scale));
    u16(to, at + 2, DType.F16.bits(least));
    int[] codes = new int[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      codes[i] = Math.min(last, (byte) (int) ((from[first + i] - least) * inverse + 0.5f));
    }
    put(codes, to, at + 4, last == 31);
  }

  /**
   * Q4_1 and Q5_1 with an offset of {@code -zero} times the scale, so that the code {@code zero} is
   * exactly 0. Of several scales the one with the least error is taken: one that cuts the number
   * farthest from 0 is often better.
   */
  private static void tied(float[] from, int first, byte[] to, int at, int zero) {
    float needed = 0;
    for (int i = 0; i < BLOCK; i++) {
      float value = from[first + i];
      needed = Math.max(needed, value > 0 ? value / (zero - 1) : value / -zero);
    }
    float best = needed;
    double least = Double.POSITIVE_INFINITY;
    for (int step = 0; step < SCALES; step++) {
      float scale = needed * (1 - 0.025f * step);
      double error = 0;
      for (int i = 0; i < BLOCK; i++) {
        double off = (double) near(from[first + i], scale, zero) * scale - from[first + i];
        error += off * off;
      }
      best = error < least ? scale : best;
      least = Math.min(least, error);
    }
    int half = DType.F16.bits(best);
    float scale = DType.F16.value(half);
    u16(to, at, half);
    u16(to, at + 2, DType.F16.bits(scale * -zero));
    int[] codes = new int[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      codes[i] = near(from[first + i], scale, zero) + zero;
    }
    put(codes, to, at + 4, zero == 16);
  }

  private static int near(float value, float scale, int zero) {
    return scale == 0 ? 0 : Math.clamp((long) Math.rint(value / scale), -zero, zero - 1);
  }

  /** Puts codes as halves, behind their fifth bits if they have some. */
  private static void put(int[] codes, byte[] to, int at, boolean five) {
    int halves = at;
    if (five) {
      int fifth = 0;
      for (int i = 0; i < BLOCK; i++) {
        fifth |= (codes[i] >> 4 & 1) << i;
      }
      u32(to, at, fifth);
      halves += Integer.BYTES;
    }
    for (int i = 0; i < BLOCK / 2; i++) {
      to[halves + i] = (byte) (codes[i] & 15 | (codes[i + BLOCK / 2] & 15) << 4);
    }
  }
}
