package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.FLOATS;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;

import io.github.wandacuda.tensor.DType;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/**
 * The scores of a row as keys: the bits of |w| * norm, which for numbers that are not negative are
 * in the numbers' own order.
 */
final class ScoreKeys {
  /** The key of padding, above that of every score, infinity included. */
  static final int PAD = Integer.MAX_VALUE;

  private static final int MAGNITUDE = 0x7fff_ffff;
  private static final int INFINITY = 0x7f80_0000;
  private static final int MEAN_SHIFT = 16;
  private static final int HALF_MAGNITUDE = 0x7fff;
  private static final int HALF_INFINITY = 0x7c00;
  private static final int HALF_SMALLEST_NORMAL = 0x0400;
  private static final int HALF_TO_FLOAT = 13;
  private static final int HALF_REBIAS = (127 - 15) << 23;
  private static final int HALF_SUBNORMAL_REBIAS = (127 - 14) << 23;
  private static final float HALF_SUBNORMAL_ONE = 0x1p-14f;

  private final DType dtype;
  private final Planes planes;
  private final float[] norms;
  private long sum;

  ScoreKeys(DType dtype, Planes planes, float[] norms) {
    this.dtype = dtype;
    this.planes = planes;
    this.norms = new float[planes.length()];
    for (int c = 0; c < norms.length; c++) {
      this.norms[planes.at(c)] = norms[c];
    }
  }

  /** Writes a row's keys, and returns whether all its elements are finite. */
  boolean compute(int[] words, int[] keys) {
    sum = 0;
    boolean finite =
        switch (dtype) {
          case F32 -> floats(words, keys);
          case F16 -> halves(words, 0, keys) && halves(words, planes.stride(), keys);
          case BF16 -> brainFloats(words, keys);
        };
    for (int plane = 0; plane < planes.count(); plane++) {
      int from = plane * planes.stride();
      Arrays.fill(keys, from + planes.filled(plane), from + planes.stride(), PAD);
    }
    return finite;
  }

  /** Returns about the mean of the last row's keys, which moves with the logarithm of its scale. */
  int mean() {
    return (int) ((sum << MEAN_SHIFT) / planes.columns());
  }

  private boolean floats(int[] words, int[] keys) {
    IntVector highest = IntVector.zero(INTS);
    IntVector sums = IntVector.zero(INTS);
    for (int i = 0; i < words.length; i += COUNT) {
      IntVector magnitude = IntVector.fromArray(INTS, words, i).and(MAGNITUDE);
      highest = highest.max(magnitude);
      FloatVector norm = FloatVector.fromArray(FLOATS, norms, i);
      IntVector key = magnitude.reinterpretAsFloats().mul(norm).reinterpretAsInts();
      sums = sums.add(key.lanewise(LSHR, MEAN_SHIFT));
      key.intoArray(keys, i);
    }
    sum += sums.reduceLanesToLong(ADD);
    return highest.reduceLanes(MAX) < INFINITY;
  }

  private boolean brainFloats(int[] words, int[] keys) {
    int stride = words.length;
    IntVector highest = IntVector.zero(INTS);
    IntVector sums = IntVector.zero(INTS);
    for (int i = 0; i < stride; i += COUNT) {
      IntVector word = IntVector.fromArray(INTS, words, i);
      IntVector even = word.lanewise(LSHL, Short.SIZE).and(MAGNITUDE);
      IntVector odd = word.and(HALF_MAGNITUDE << Short.SIZE);
      highest = highest.max(even).max(odd);
      FloatVector evenNorm = FloatVector.fromArray(FLOATS, norms, i);
      FloatVector oddNorm = FloatVector.fromArray(FLOATS, norms, stride + i);
      IntVector evenKey = even.reinterpretAsFloats().mul(evenNorm).reinterpretAsInts();
      IntVector oddKey = odd.reinterpretAsFloats().mul(oddNorm).reinterpretAsInts();
      sums = sums.add(evenKey.lanewise(LSHR, MEAN_SHIFT)).add(oddKey.lanewise(LSHR, MEAN_SHIFT));
      evenKey.intoArray(keys, i);
      oddKey.intoArray(keys, stride + i);
    }
    sum += sums.reduceLanesToLong(ADD);
    return highest.reduceLanes(MAX) < INFINITY;
  }

  /**
   * Computes the plane that starts at {@code plane}. A subnormal half m * 2^-24 is what the float
   * 2^-14 * (1 + m / 1024) exceeds 2^-14 by: all operands are normal, as denormal ones may be slow.
   */
  private boolean halves(int[] words, int plane, int[] keys) {
    int shift = plane == 0 ? 0 : Short.SIZE;
    IntVector highest = IntVector.zero(INTS);
    IntVector sums = IntVector.zero(INTS);
    for (int i = 0; i < words.length; i += COUNT) {
      IntVector half = IntVector.fromArray(INTS, words, i).lanewise(LSHR, shift);
      half = half.and(HALF_MAGNITUDE);
      highest = highest.max(half);
      IntVector shifted = half.lanewise(LSHL, HALF_TO_FLOAT);
      FloatVector normal = shifted.add(HALF_REBIAS).reinterpretAsFloats();
      FloatVector subnormal = shifted.add(HALF_SUBNORMAL_REBIAS).reinterpretAsFloats();
      subnormal = subnormal.sub(HALF_SUBNORMAL_ONE);
      VectorMask<Float> isSubnormal = half.compare(LT, HALF_SMALLEST_NORMAL).cast(FLOATS);
      FloatVector norm = FloatVector.fromArray(FLOATS, norms, plane + i);
      IntVector key = normal.blend(subnormal, isSubnormal).mul(norm).reinterpretAsInts();
      sums = sums.add(key.lanewise(LSHR, MEAN_SHIFT));
      key.intoArray(keys, plane + i);
    }
    sum += sums.reduceLanesToLong(ADD);
    return highest.reduceLanes(MAX) < HALF_INFINITY;
  }
}
