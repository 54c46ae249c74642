package io.github.wandacuda.simd;

import io.github.wandacuda.system.MachineFacts;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector shape of this package's kernels. All constants are in one class, because the JIT
 * compiles a vector operation to an instruction only if its species is a constant.
 */
public final class Lanes {
  private static final VectorShape SHAPE = fixed(VectorShape.preferredShape());

  public static final VectorSpecies<Float> FLOATS = SHAPE.withLanes(float.class);
  public static final VectorSpecies<Integer> INTS = SHAPE.withLanes(int.class);
  public static final VectorSpecies<Short> SHORTS = SHAPE.withLanes(short.class);

  public static final VectorSpecies<Long> LONGS = SHAPE.withLanes(long.class);
  public static final VectorSpecies<Double> DOUBLES = SHAPE.withLanes(double.class);

  /** As many floats as a vector has doubles, in half its bits. */
  public static final VectorSpecies<Float> HALF_FLOATS =
      VectorShape.forBitSize(DOUBLES.length() * Float.SIZE).withLanes(float.class);

  /** Floats, or ints, of a vector. */
  public static final int COUNT = FLOATS.length();

  /** Doubles of a vector. */
  public static final int DOUBLE_COUNT = DOUBLES.length();

  /** Shorts of a vector. */
  public static final int SHORT_COUNT = SHORTS.length();

  /**
   * Whether the processor is known to compress vectors of shorts. On others the Vector API does it
   * in plain Java, which takes a hundred times as long as moving elements one by one.
   */
  public static final boolean COMPRESSES_SHORTS =
      FLOATS.vectorShape() == VectorShape.S_512_BIT && MachineFacts.hasFlag("avx512_vbmi2");

  private Lanes() {}

  /**
   * Returns the widest shape that the machine has among 128, 256 and 512 bits, for which the
   * kernels are written.
   */
  private static VectorShape fixed(VectorShape preferred) {
    int bits = preferred.vectorBitSize();
    if (bits >= 512) {
      return VectorShape.S_512_BIT;
    }
    return bits >= 256 ? VectorShape.S_256_BIT : VectorShape.S_128_BIT;
  }

  static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(FLOATS, array, at);
  }

  static DoubleVector load(double[] array, int at) {
    return DoubleVector.fromArray(DOUBLES, array, at);
  }

  static FloatVector constant(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  /** Returns the shape in words, such as {@code 256-bit}. */
  public static String describe() {
    return FLOATS.vectorBitSize() + "-bit";
  }
}
