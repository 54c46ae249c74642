package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.FLOATS;
import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuSelectKernels;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * A vector of weights' scores as keys: the bits of |w| * norm. For numbers that are not negative,
 * bits have the order of the numbers. A vector of words that hold two 16-bit elements each gives
 * two vectors of keys, for the even and the odd columns: a shift and a mask separate them without
 * moving anything across lanes.
 */
public final class Scores {
  /** The bits of infinity in float32; below, those in BF16 and in F16. */
  public static final int INFINITY = 0x7f80_0000;

  static final int BRAIN_INFINITY = INFINITY >>> Short.SIZE;
  static final int HALF_INFINITY = 0x7c00;

  private static final int MAGNITUDE = 0x7fff_ffff;
  private static final int HALF_MAGNITUDES = 0x7fff_7fff;
  private static final int LOWER_HALF = 0xffff;
  public static final int HALF_TO_FLOAT = 13;
  public static final int HALF_REBIAS = (127 - 15) << 23;
  private static final FloatVector TWO = FloatVector.broadcast(FLOATS, 2);
  private static final FloatVector MINUS_HALF_SMALLEST_NORMAL =
      FloatVector.broadcast(FLOATS, -0x1p-14f);

  private Scores() {}

  /** Returns the magnitudes' bits of the F32 elements at {@code at}. */
  static IntVector magnitudes(MemorySegment memory, long at) {
    return IntVector.fromMemorySegment(INTS, memory, at, ByteOrder.LITTLE_ENDIAN).and(MAGNITUDE);
  }

  /** Returns the magnitudes' bits of the 16-bit elements at {@code at}, two a word. */
  public static IntVector halfMagnitudes(MemorySegment memory, long at) {
    return halfMagnitudes(IntVector.fromMemorySegment(INTS, memory, at, ByteOrder.LITTLE_ENDIAN));
  }

  /** Returns the magnitudes' bits of words of two 16-bit elements. */
  public static IntVector halfMagnitudes(IntVector elements) {
    return elements.and(HALF_MAGNITUDES);
  }

  /**
   * Returns the keys of float32 magnitudes.
   *
   * @param at the index of the first norm
   */
  static IntVector keys(IntVector magnitudes, float[] norms, int at) {
    FloatVector norm = FloatVector.fromArray(FLOATS, norms, at);
    return magnitudes.reinterpretAsFloats().mul(norm).reinterpretAsInts();
  }

  /**
   * Returns the keys of the elements in the words' lower halves.
   *
   * @param halves magnitudes, two in a word
   * @param brain whether they are BF16, not F16
   * @param at the index of the first norm
   */
  static IntVector evenKeys(IntVector halves, boolean brain, float[] norms, int at) {
    IntVector wide = brain ? halves.lanewise(LSHL, Short.SIZE) : widened(halves.and(LOWER_HALF));
    return keys(wide, norms, at);
  }

  /**
   * Returns the keys of the elements in the words' upper halves.
   *
   * @param halves magnitudes, two in a word
   * @param brain whether they are BF16, not F16
   * @param at the index of the first norm
   */
  static IntVector oddKeys(IntVector halves, boolean brain, float[] norms, int at) {
    IntVector wide = brain ? halves.and(~LOWER_HALF) : widened(halves.lanewise(LSHR, Short.SIZE));
    return keys(wide, norms, at);
  }

  /**
   * Widens F16 magnitudes to float32. With its exponent rebiased, a normal half becomes its value
   * x. A subnormal one, m * 2^-24, becomes x = 2^-15 * (1 + m / 1024), so that its value is 2x -
   * 2^-14. The lower of x and 2x - 2^-14 is the value of either kind: the second is lower only if x
   * is below 2^-14. All operands are normal, since subnormal ones may be slow.
   */
  private static IntVector widened(IntVector half) {
    IntVector rebiased = half.lanewise(LSHL, HALF_TO_FLOAT).add(HALF_REBIAS);
    FloatVector subnormal = rebiased.reinterpretAsFloats().fma(TWO, MINUS_HALF_SMALLEST_NORMAL);
    return rebiased.min(subnormal.reinterpretAsInts());
  }

  /**
   * Returns the upper halves of the keys of 16-bit magnitudes, two in a word, in the order of the
   * magnitudes.
   *
   * @param brain whether they are BF16, not F16
   * @param even the index of the first norm of the words' lower halves
   * @param odd the index of the first norm of their upper halves
   */
  public static ShortVector halves(
      IntVector words, boolean brain, float[] norms, int even, int odd) {
    IntVector oddKeys = oddKeys(words, brain, norms, odd);
    return upperHalves(evenKeys(words, brain, norms, even), oddKeys).reinterpretAsShorts();
  }

  /**
   * Returns the bits of infinity.
   *
   * @param brain in BF16, not F16
   */
  public static short infinity(boolean brain) {
    return (short) (brain ? BRAIN_INFINITY : HALF_INFINITY);
  }

  /**
   * Packs the upper halves of two vectors of keys into one: those of {@code first} become the
   * words' lower halves.
   */
  public static IntVector upperHalves(IntVector first, IntVector second) {
    return first.lanewise(LSHR, Short.SIZE).or(second.and(~LOWER_HALF));
  }

  /**
   * Counts the zeros of a row, of either sign.
   *
   * @param memory holds the row, and behind it what fills the last vector, which is zero
   * @param at the byte at which the row begins
   */
  public static int zeros(DType dtype, MemorySegment memory, long at, int columns) {
    int padded = CpuSelectKernels.padded(columns);
    int zeros = dtype == DType.F32 ? zeroWords(memory, at, padded) : zeroHalves(memory, at, padded);
    return zeros - (padded - columns);
  }

  private static int zeroHalves(MemorySegment memory, long at, int columns) {
    int zeros = 0;
    for (int c = 0; c < columns; c += SHORT_COUNT) {
      ShortVector pairs = halfMagnitudes(memory, at + (long) Short.BYTES * c).reinterpretAsShorts();
      zeros += pairs.compare(EQ, (short) 0).trueCount();
    }
    return zeros;
  }

  private static int zeroWords(MemorySegment memory, long at, int columns) {
    int zeros = 0;
    for (int c = 0; c < columns; c += COUNT) {
      zeros += magnitudes(memory, at + (long) Integer.BYTES * c).compare(EQ, 0).trueCount();
    }
    return zeros;
  }
}
