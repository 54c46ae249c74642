package io.github.wandacuda.checkpoint.gguf;

import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * The codes that stand for 0 whatever their block's scale is, in the layouts of {@link GgufBlocks}.
 * Writing one changes no other element. Types that subtract an offset, and those that take codes
 * from a table without 0, have none.
 */
final class GgufZeroCodes {
  /** Makes an element of a block 0. */
  @FunctionalInterface
  interface ZeroCode {
    /**
     * Writes the code.
     *
     * @param bytes holds the block
     * @param at the block's first byte
     * @param element its number in the block
     */
    void write(byte[] bytes, int at, int element);
  }

  private static final Map<GgufType, ZeroCode> BY_TYPE =
      new EnumMap<>(
          Map.ofEntries(
              Map.entry(GgufType.F32, plain(Float.BYTES)),
              Map.entry(GgufType.F16, plain(Short.BYTES)),
              Map.entry(GgufType.BF16, plain(Short.BYTES)),
              Map.entry(GgufType.Q8_0, (bytes, at, i) -> bytes[at + 2 + i] = 0),
              Map.entry(GgufType.Q4_0, (bytes, at, i) -> nibble(bytes, at + 2, i, 32, 8)),
              Map.entry(GgufType.Q5_0, GgufZeroCodes::q50),
              Map.entry(GgufType.Q3_K, GgufZeroCodes::q3k),
              Map.entry(GgufType.Q6_K, GgufZeroCodes::q6k),
              Map.entry(GgufType.TQ1_0, GgufZeroCodes::tq10),
              Map.entry(GgufType.TQ2_0, (bytes, at, i) -> pair(bytes, at, i, 1)),
              Map.entry(GgufType.MXFP4, (bytes, at, i) -> nibble(bytes, at + 1, i, 32, 0)),
              Map.entry(
                  GgufType.NVFP4,
                  (bytes, at, i) -> nibble(bytes, at + 4 + i / 16 * 8, i % 16, 16, 0))));

  private GgufZeroCodes() {}

  /** Returns a type's code for 0, or nothing if it has none. */
  static Optional<ZeroCode> of(GgufType type) {
    return Optional.ofNullable(BY_TYPE.get(type));
  }

  /** Returns +0 of a type whose elements are numbers of their own, each a block. */
  private static ZeroCode plain(int size) {
    return (bytes, at, unused) -> {
      for (int index = 0; index < size; index++) {
        bytes[at + index] = 0;
      }
    };
  }

  private static void put(byte[] bytes, int at, int shift, int mask, int code) {
    bytes[at] = (byte) (bytes[at] & ~(mask << shift) | code << shift);
  }

  /** Sets the nibble of an element in halves of a block. */
  private static void nibble(byte[] bytes, int at, int element, int block, int code) {
    put(bytes, at + element % (block / 2), element < block / 2 ? 0 : 4, 15, code);
  }

  /** Sets two bits of an element, of which a byte has four that are 32 apart. */
  private static void pair(byte[] bytes, int at, int element, int code) {
    put(bytes, at + element / 128 * 32 + element % 32, element % 128 / 32 * 2, 3, code);
  }

  /** 16: a fifth bit, and a nibble of 0. */
  private static void q50(byte[] bytes, int at, int element) {
    put(bytes, at + 2 + element / Byte.SIZE, element % Byte.SIZE, 1, 1);
    nibble(bytes, at + 6, element, 32, 0);
  }

  /** 4: a third bit, and a pair of 0. */
  private static void q3k(byte[] bytes, int at, int element) {
    put(bytes, at + element % 32, element / 32, 1, 1);
    pair(bytes, at + 32, element, 0);
  }

  /** 32: a nibble of 0, and a pair of 2. */
  private static void q6k(byte[] bytes, int at, int element) {
    put(bytes, at + element / 128 * 64 + element % 64, element % 128 / 64 * 4, 15, 0);
    pair(bytes, at + 128, element, 2);
  }

  /** 1, a digit of base 3: the byte's other digits are read and written again. */
  private static void tq10(byte[] bytes, int at, int element) {
    int digits = GgufBlocks.POWERS_OF_THREE.length;
    int place = at + GgufBlocks.byteOfDigit(element);
    int zeroed = GgufBlocks.numberOfDigit(element);
    int value = 0;
    for (int digit = 0; digit < digits; digit++) {
      int own = digit == zeroed ? 1 : GgufBlocks.digit(bytes[place], digit);
      value = 3 * value + own;
    }
    // The digits as a fraction of 256, rounded up, so that multiplying by 3 takes out one by one.
    bytes[place] = (byte) Math.ceilDiv(value << Byte.SIZE, 243);
  }
}
