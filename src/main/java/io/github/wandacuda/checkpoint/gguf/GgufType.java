package io.github.wandacuda.checkpoint.gguf;

import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The types of GGUF's tensors. An element has a code; a block of elements shares scales, and a row
 * is a whole number of blocks.
 *
 * @see GgufBlocks for their layouts and what the codes stand for
 */
public enum GgufType {
  F32(0, 1, 4, GgufBlocks::f32),
  F16(1, 1, 2, GgufBlocks::f16),
  Q4_0(2, 32, 18, GgufBlocks::q40),
  Q4_1(3, 32, 20, GgufBlocks::q41),
  Q5_0(6, 32, 22, GgufBlocks::q50),
  Q5_1(7, 32, 24, GgufBlocks::q51),
  Q8_0(8, 32, 34, GgufBlocks::q80),
  Q8_1(9, 32, 36, null),
  Q2_K(10, 256, 84, GgufBlocks::q2k),
  Q3_K(11, 256, 110, GgufBlocks::q3k),
  Q4_K(12, 256, 144, GgufBlocks::q4k),
  Q5_K(13, 256, 176, GgufBlocks::q5k),
  Q6_K(14, 256, 210, GgufBlocks::q6k),
  Q8_K(15, 256, 292, null),
  IQ2_XXS(16, 256, 66, null),
  IQ2_XS(17, 256, 74, null),
  IQ3_XXS(18, 256, 98, null),
  IQ1_S(19, 256, 50, null),
  IQ4_NL(20, 32, 18, GgufBlocks::iq4nl),
  IQ3_S(21, 256, 110, null),
  IQ2_S(22, 256, 82, null),
  IQ4_XS(23, 256, 136, GgufBlocks::iq4xs),
  I8(24, 1, 1, null),
  I16(25, 1, 2, null),
  I32(26, 1, 4, null),
  I64(27, 1, 8, null),
  F64(28, 1, 8, null),
  IQ1_M(29, 256, 56, null),
  BF16(30, 1, 2, GgufBlocks::bf16),
  TQ1_0(34, 256, 54, GgufBlocks::tq10),
  TQ2_0(35, 256, 66, GgufBlocks::tq20),
  MXFP4(39, 32, 17, GgufBlocks::mxfp4),
  NVFP4(40, 64, 36, GgufBlocks::nvfp4),
  Q1_0(41, 128, 18, null),
  Q2_0(42, 64, 18, null);

  /** Widens a block that begins at a byte to float32, exactly as ggml does. */
  @FunctionalInterface
  interface Widening {
    void widen(byte[] bytes, int at, float[] to, int first);
  }

  private static final Map<Integer, GgufType> BY_ID =
      Stream.of(values()).collect(Collectors.toMap(type -> type.id, Function.identity()));

  private final int id;
  private final int blockElements;
  private final int blockBytes;
  private final Widening widening;

  GgufType(int id, int blockElements, int blockBytes, Widening widening) {
    this.id = id;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
    this.widening = widening;
  }

  /** Returns the type of a number in a file, or nothing if there is none, or no longer. */
  public static Optional<GgufType> of(int id) {
    return Optional.ofNullable(BY_ID.get(id));
  }

  public int id() {
    return id;
  }

  /** Returns how many elements share a block; a row's length is a multiple of it. */
  public int blockElements() {
    return blockElements;
  }

  public int blockBytes() {
    return blockBytes;
  }

  /** Returns whether an element is a floating-point number of its own, without a scale. */
  public boolean isPlain() {
    return this == F32 || this == F16 || this == BF16;
  }

  /**
   * Returns whether its codes can be widened to numbers. Tensors of other types can be listed, and
   * copied or cut as they are.
   */
  public boolean isWidened() {
    return widening != null;
  }

  /**
   * Returns the bytes of some elements.
   *
   * @param elements a multiple of {@link #blockElements}
   * @throws ArithmeticException if they are more than a long counts
   */
  public long bytes(long elements) {
    return Math.multiplyExact(elements / blockElements, (long) blockBytes);
  }

  /**
   * Widens elements to float32, to the bit as ggml does.
   *
   * @param bytes whole blocks, from the first byte on
   * @param to as many elements as these hold
   * @throws UnsupportedOperationException unless {@link #isWidened}
   */
  public void widen(byte[] bytes, float[] to) {
    if (widening == null) {
      throw new UnsupportedOperationException(name());
    }
    for (int at = 0, first = 0; at < bytes.length; at += blockBytes, first += blockElements) {
      widening.widen(bytes, at, to, first);
    }
  }
}
