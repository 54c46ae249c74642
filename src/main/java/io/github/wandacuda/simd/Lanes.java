package io.github.wandacuda.simd;

import io.github.wandacuda.system.CpuInfo;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector shape of this package's kernels. Constants of one class, because the JIT compiles a
 * vector operation to an instruction only where its species is a constant.
 */
public final class Lanes {
  public static final VectorSpecies<Float> FLOATS =
      VectorSpecies.of(float.class, fixed(VectorShape.preferredShape()));
  public static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, fixed(VectorShape.preferredShape()));
  public static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, fixed(VectorShape.preferredShape()));

  public static final VectorSpecies<Long> LONGS =
      VectorSpecies.of(long.class, fixed(VectorShape.preferredShape()));
  public static final VectorSpecies<Double> DOUBLES =
      VectorSpecies.of(double.class, fixed(VectorShape.preferredShape()));

  /** As many floats as a vector has doubles, in half its bits. */
  public static final VectorSpecies<Float> HALF_FLOATS =
      VectorSpecies.of(float.class, VectorShape.forBitSize(DOUBLES.length() * Float.SIZE));

  /** Floats, or ints, of a vector. */
  public static final int COUNT = FLOATS.length();

  /** Doubles of a vector. */
  public static final int DOUBLE_COUNT = DOUBLES.length();

  /** Shorts of a vector. */
  public static final int SHORT_COUNT = SHORTS.length();

  /**
   * Whether the processor compresses vectors of shorts, as far as the system tells. The Vector API
   * does it in plain Java where it doesn't, which takes a hundred times as long as one by one.
   */
  public static final boolean COMPRESSES_SHORTS =
      FLOATS.vectorShape() == VectorShape.S_512_BIT && CpuInfo.hasFlag("avx512_vbmi2");

  private Lanes() {}

  /**
   * Of 128, 256 and 512 bits the widest that the machine has; the kernels are written for these.
   */
  private static VectorShape fixed(VectorShape preferred) {
    int bits = preferred.vectorBitSize();
    if (bits >= 512) {
      return VectorShape.S_512_BIT;
    }
    return bits >= 256 ? VectorShape.S_256_BIT : VectorShape.S_128_BIT;
  }

  /** Returns a vector of the floats from {@code at} on. */
  static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(FLOATS, array, at);
  }

  /** Returns a vector of equal floats. */
  static FloatVector constant(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  /** Returns the shape in words, such as {@code 256-bit}. */
  public static String describe() {
    return FLOATS.vectorBitSize() + "-bit";
  }
}
