package io.github.wandacuda.checkpoint.gguf;

/**
 * The layouts of GGUF's blocks, and what their codes stand for. All products and sums are float32,
 * in the order in which ggml has them, so that each number has ggml's bits.
 *
 * <p>"Halves" are nibbles of which byte j has element j in its low and element j + half the block
 * in its high bits. {@code d}, {@code m} and {@code dmin} are IEEE halves.
 */
final class GgufBlocks {
  private static final float[] IQ4 = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  /** E2M1, doubled; the scales are halved. Code 8 is +0 here. */
  private static final float[] E2M1 = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

  static final int[] POWERS_OF_THREE = {1, 3, 9, 27, 81};

  private GgufBlocks() {}

  private static int u8(byte[] bytes, int at) {
    return bytes[at] & 0xff;
  }

  private static int u16(byte[] bytes, int at) {
    return u8(bytes, at) | u8(bytes, at + 1) << 8;
  }

  private static int u32(byte[] bytes, int at) {
    return u16(bytes, at) | u16(bytes, at + 2) << 16;
  }

  private static float half(byte[] bytes, int at) {
    return Float.float16ToFloat((short) u16(bytes, at));
  }

  /** Returns the nibble of an element in halves of a block. */
  private static int nibble(byte[] bytes, int at, int element, int block) {
    int pair = u8(bytes, at + element % (block / 2));
    return element < block / 2 ? pair & 15 : pair >> 4;
  }

  /** Returns two bits of an element, of which a byte has four that are 32 apart. */
  private static int pair(byte[] bytes, int at, int element) {
    return u8(bytes, at + element / 128 * 32 + element % 32) >> element % 128 / 32 * 2 & 3;
  }

  static void f32(byte[] bytes, int at, float[] to, int first) {
    to[first] = Float.intBitsToFloat(u32(bytes, at));
  }

  static void f16(byte[] bytes, int at, float[] to, int first) {
    to[first] = half(bytes, at);
  }

  static void bf16(byte[] bytes, int at, float[] to, int first) {
    to[first] = Float.intBitsToFloat(u16(bytes, at) << 16);
  }

  /** d; halves. {@code (c - 8) d}. */
  static void q40(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at);
    for (int i = 0; i < 32; i++) {
      to[first + i] = (nibble(bytes, at + 2, i, 32) - 8) * d;
    }
  }

  /** d; m; halves. {@code c d + m}. */
  static void q41(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at);
    float m = half(bytes, at + 2);
    for (int i = 0; i < 32; i++) {
      to[first + i] = nibble(bytes, at + 4, i, 32) * d + m;
    }
  }

  /** d; 32 fifth bits; halves. {@code (c - 16) d}. */
  static void q50(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at);
    int fifth = u32(bytes, at + 2);
    for (int i = 0; i < 32; i++) {
      to[first + i] = ((nibble(bytes, at + 6, i, 32) | (fifth >>> i & 1) << 4) - 16) * d;
    }
  }

  /** d; m; 32 fifth bits; halves. {@code c d + m}. */
  static void q51(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at);
    float m = half(bytes, at + 2);
    int fifth = u32(bytes, at + 4);
    for (int i = 0; i < 32; i++) {
      to[first + i] = (nibble(bytes, at + 8, i, 32) | (fifth >>> i & 1) << 4) * d + m;
    }
  }

  /** d; 32 bytes with a sign. {@code c d}. */
  static void q80(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at);
    for (int i = 0; i < 32; i++) {
      to[first + i] = bytes[at + 2 + i] * d;
    }
  }

  /** d; halves. A table's number times d. */
  static void iq4nl(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at);
    for (int i = 0; i < 32; i++) {
      to[first + i] = IQ4[nibble(bytes, at + 2, i, 32)] * d;
    }
  }

  /** An exponent, E8M0; halves. E2M1 times {@code 2^(e - 127)}. */
  static void mxfp4(byte[] bytes, int at, float[] to, int first) {
    int e = u8(bytes, at);
    float d = Float.intBitsToFloat(e < 2 ? 0x0020_0000 << e : e - 1 << 23);
    for (int i = 0; i < 32; i++) {
      to[first + i] = E2M1[nibble(bytes, at + 1, i, 32)] * d;
    }
  }

  /** Four scales, E4M3 without sign; four times halves of 16. E2M1 times the scale. */
  static void nvfp4(byte[] bytes, int at, float[] to, int first) {
    for (int i = 0; i < 64; i++) {
      float d = halfOfE4m3(u8(bytes, at + i / 16));
      to[first + i] = E2M1[nibble(bytes, at + 4 + i / 16 * 8, i % 16, 16)] * d;
    }
  }

  private static float halfOfE4m3(int scale) {
    if (scale == 0 || scale == 0x7f) {
      return 0;
    }
    int exponent = scale >> 3 & 15;
    int mantissa = scale & 7;
    float value =
        exponent == 0
            ? Math.scalb((float) mantissa, -9)
            : Math.scalb(1 + mantissa / 8f, exponent - 7);
    return value * 0.5f;
  }

  /** 16 scales and mins in nibbles; 64 bytes of pairs; d; dmin. {@code (d s) c - dmin m}. */
  static void q2k(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at + 80);
    float dmin = half(bytes, at + 82);
    for (int i = 0; i < 256; i++) {
      int scales = u8(bytes, at + i / 16);
      to[first + i] = d * (scales & 15) * pair(bytes, at + 16, i) - dmin * (scales >> 4);
    }
  }

  /** 32 bytes of third bits; 64 of pairs; 12 of scales; d. {@code (d (s - 32)) (c - 4)}. */
  static void q3k(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at + 108);
    for (int i = 0; i < 256; i++) {
      int group = i / 16;
      int low = u8(bytes, at + 96 + group % 8) >> group / 8 * 4 & 15;
      int high = u8(bytes, at + 104 + group % 4) >> group / 4 * 2 & 3;
      int third = u8(bytes, at + i % 32) >> i / 32 & 1;
      to[first + i] = d * ((low | high << 4) - 32) * ((pair(bytes, at + 32, i) | third << 2) - 4);
    }
  }

  /** d; dmin; 12 bytes of scales and mins; four times 32 bytes. {@code (d s) c - dmin m}. */
  static void q4k(byte[] bytes, int at, float[] to, int first) {
    for (int i = 0; i < 256; i++) {
      to[first + i] = scaled(bytes, at, i, code(bytes, at + 16, i));
    }
  }

  /** As Q4_K, with 32 bytes of fifth bits before the codes. */
  static void q5k(byte[] bytes, int at, float[] to, int first) {
    for (int i = 0; i < 256; i++) {
      int fifth = u8(bytes, at + 16 + i % 32) >> i / 32 & 1;
      to[first + i] = scaled(bytes, at, i, code(bytes, at + 48, i) | fifth << 4);
    }
  }

  private static int code(byte[] bytes, int at, int element) {
    int pair = u8(bytes, at + element / 64 * 32 + element % 32);
    return element % 64 < 32 ? pair & 15 : pair >> 4;
  }

  private static float scaled(byte[] bytes, int at, int element, int code) {
    int group = element / 32;
    int scales = at + 4;
    int low = u8(bytes, scales + group % 4);
    int middle = u8(bytes, scales + 4 + group % 4);
    int high = u8(bytes, scales + 8 + group % 4);
    int scale = group < 4 ? low & 63 : high & 15 | low >> 6 << 4;
    int min = group < 4 ? middle & 63 : high >> 4 | middle >> 6 << 4;
    return half(bytes, at) * scale * code - half(bytes, at + 2) * min;
  }

  /** 128 bytes of low nibbles; 64 of pairs; 16 scales with a sign; d. {@code (d s) (c - 32)}. */
  static void q6k(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at + 208);
    for (int i = 0; i < 256; i++) {
      int low = u8(bytes, at + i / 128 * 64 + i % 64) >> i % 128 / 64 * 4 & 15;
      to[first + i] = d * bytes[at + 192 + i / 16] * ((low | pair(bytes, at + 128, i) << 4) - 32);
    }
  }

  /** d; 16 bits of high scale bits; 4 bytes of low ones; eight times halves of 32. */
  static void iq4xs(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at);
    for (int i = 0; i < 256; i++) {
      int group = i / 32;
      int low = u8(bytes, at + 4 + group / 2) >> group % 2 * 4 & 15;
      int high = u16(bytes, at + 2) >> 2 * group & 3;
      int code = nibble(bytes, at + 8 + group * 16, i % 32, 32);
      to[first + i] = d * ((low | high << 4) - 32) * IQ4[code];
    }
  }

  /** 52 bytes of five, at last four, digits of base 3; d. {@code (c - 1) d}. */
  static void tq10(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at + 52);
    for (int i = 0; i < 256; i++) {
      to[first + i] = (digit(bytes[at + byteOfDigit(i)], numberOfDigit(i)) - 1) * d;
    }
  }

  /** Returns the byte of a block of TQ1_0 in which an element's digit is. */
  static int byteOfDigit(int element) {
    return element < 160
        ? element % 32
        : element < 240 ? 32 + (element - 160) % 16 : 48 + (element - 240) % 4;
  }

  /** Returns which of its byte's digits an element of TQ1_0 has, the highest first. */
  static int numberOfDigit(int element) {
    return element < 160
        ? element / 32
        : element < 240 ? (element - 160) / 16 : (element - 240) / 4;
  }

  /** Returns a digit of base 3 of a byte, the highest first. */
  static int digit(byte packed, int number) {
    return ((packed & 0xff) * POWERS_OF_THREE[number] & 0xff) * 3 >> 8;
  }

  /** 64 bytes of pairs; d. {@code (c - 1) d}. */
  static void tq20(byte[] bytes, int at, float[] to, int first) {
    float d = half(bytes, at + 64);
    for (int i = 0; i < 256; i++) {
      to[first + i] = (pair(bytes, at, i) - 1) * d;
    }
  }
}
