package io.github.wandacuda.bench.common;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Random normal BF16 numbers, a gigabyte a second: each 16 random bits pick one of 65536 draws of a
 * standard normal distribution that were made once.
 */
public final class NormalWeights {
  /** The standard deviation of a trained model's weights, about. */
  public static final double DEVIATION = 0.02;

  private static final int DRAWS = 1 << Short.SIZE;
  private static final short ONE = 0x3f80;

  private final short[] draws = new short[DRAWS];

  /** Makes the draws, of a standard deviation. */
  public NormalWeights(double deviation) {
    SplittableRandom random = new SplittableRandom(DRAWS);
    for (int i = 0; i < DRAWS; i++) {
      float value = (float) (random.nextGaussian() * deviation);
      draws[i] = (short) (Float.floatToRawIntBits(value) >>> Short.SIZE);
    }
  }

  /**
   * Fills the rest of a buffer, whose length is even.
   *
   * @param seed equal seeds give equal numbers
   */
  public void fill(ByteBuffer buffer, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    while (buffer.remaining() >= Long.BYTES) {
      long bits = random.nextLong();
      for (int shift = 0; shift < Long.SIZE; shift += Short.SIZE) {
        buffer.putShort(draws[(int) (bits >>> shift) & (DRAWS - 1)]);
      }
    }
    while (buffer.hasRemaining()) {
      buffer.putShort(draws[random.nextInt(DRAWS)]);
    }
  }

  /** Fills the rest of a buffer with ones, which a norm's gain is. */
  public static void fillOnes(ByteBuffer buffer) {
    short[] ones = new short[buffer.remaining() / Short.BYTES];
    Arrays.fill(ones, ONE);
    buffer.asShortBuffer().put(ones);
    buffer.position(buffer.limit());
  }
}
