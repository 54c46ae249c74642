package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Rows of FP8 or MXFP4 codes as bytes that are ordered as the weights' magnitudes are, so that
 * {@link ThresholdPasses} can compare scores in each column's own terms. Codes of E4M3 without
 * their sign are such bytes. Codes of E2M1 become such bytes when their block's power of two is
 * added to their exponent. Both kinds are upper bits of a float32:
 *
 * <pre>|weight| = (float32 of the bits byte &lt;&lt; shift) * unit * scale of the column</pre>
 *
 * The unit is a power of two, so a product by it is exact, and the scales are kept multiplied by
 * it.
 */
public final class CodeRows {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Byte> BYTES = INTS.withLanes(byte.class);
  private static final VectorSpecies<Short> PACKED =
      VectorShape.forBitSize(COUNT * Short.SIZE).withLanes(short.class);

  /** The lanes of a vector of bytes that are of another block of MXFP4 than the first. */
  private static final VectorMask<Byte> SECOND_BLOCK = VectorMask.fromLong(BYTES, -1L << 32);

  private static final int BLOCK = 32;
  private static final int MAGNITUDE = 0x7f;
  private static final int SHIFT_OF_E4M3 = 20;
  private static final int SHIFT_OF_E2M1 = 22;

  /** The lowest exponent of E4M3 is 2^-6, that of float32 2^-126; this is their quotient. */
  private static final float UNIT_OF_E4M3 = 0x1p120f;

  /**
   * MXFP4's scales are bytes of an exponent. Those from 78 (2^-49) on, 60 of them, fit into the
   * exponent of our bytes.
   */
  private static final int BASE = 77;

  private static final int MOST_EXPONENT = 60;
  private static final float UNIT_OF_E2M1 = 0x1p76f;

  /** Products from here up to the inverse are rounded as normal numbers are. */
  private static final float LEAST = 0x1p-100f;

  /** A bound on the error of a quotient by rounding, in units of the last place. */
  private static final int NEAR = 16;

  private final int columns;
  private final float[] norms;

  /** The scale of each column, times the unit. */
  private final float[] scales;

  private final float[] inverses;
  private final byte[] exponents;
  private final MemorySegment memory;
  private final MemorySegment packed;
  private Scales of;
  private long block;
  private boolean fits;
  private boolean changed;
  private int shift;
  private float unit;

  /**
   * Prepares rows.
   *
   * @param norms a norm for each column
   */
  @SuppressWarnings("MustBeClosedChecker") // Freed with this.
  public CodeRows(float[] norms) {
    columns = norms.length;
    int padded = CpuSelectKernels.padded(columns);
    this.norms = new float[padded];
    // No score of padding is below another one then.
    Arrays.fill(this.norms, Float.NaN);
    for (int column = 0; column < columns; column++) {
      this.norms[at(column)] = norms[column];
    }
    scales = new float[padded];
    inverses = new float[padded];
    exponents = new byte[padded / BLOCK + 1];
    memory = Arena.ofAuto().allocate(padded, Long.SIZE);
    packed = Arena.ofAuto().allocate(padded / 2, Long.SIZE);
  }

  /**
   * Returns the place of a column's norm. A word has four columns; the norms of a vector of words
   * are those of its first bytes, then those of its second ones, and so on.
   */
  private static int at(int column) {
    int inVector = column & BYTES.length() - 1;
    return column - inVector + (inVector & Integer.BYTES - 1) * COUNT + inVector / Integer.BYTES;
  }

  /**
   * Loads a row.
   *
   * @return false if the row is of another format, or has numbers that aren't ordinary: then it has
   *     to be widened
   */
  public boolean load(QuantizedMatrix matrix, int row) {
    Codes codes = matrix.codes();
    Scales by = matrix.scales();
    boolean small = codes.format() == NumberFormat.E2M1 && by.format() == NumberFormat.E8M0;
    boolean plain =
        by.groupOf() == null && by.zeros() == null && by.zero() == 0 && by.factor() == 1;
    if ((small ? by.blockColumns() != BLOCK : codes.format() != NumberFormat.E4M3)
        || codes.columnBits() != codes.format().bits()
        || shift == (small ? SHIFT_OF_E4M3 : SHIFT_OF_E2M1)
        || !plain) {
      return false;
    }
    MemorySegment from = codes.data();
    long at = row * codes.rowBits() / Byte.SIZE;
    if (small || columns % CpuSelectKernels.PADDING != 0 || !NativeMemory.is(from)) {
      long bytes = Math.ceilDiv((long) columns * codes.bits(), Byte.SIZE);
      from = small ? packed : memory;
      MemorySegment.copy(codes.data(), at, from, 0, bytes);
      at = 0;
    }
    return small ? spread(by, row) : readScales(by, row) && areFinite(from, at, memory);
  }

  /** Reads a row's E4M3 scales, unless they are those of the row before. */
  private boolean readScales(Scales by, int row) {
    long index = by.index(row, 0);
    if (by == of && index == block) {
      return fits;
    }
    boolean other = of == null || of.blockColumns() != by.blockColumns();
    shift = SHIFT_OF_E4M3;
    unit = UNIT_OF_E4M3;
    of = by;
    block = index;
    fits = true;
    for (long first = 0; first < columns; first += by.blockColumns(), index++) {
      float scale = by.format().value(by.data(), index) * unit;
      fits &= Float.isFinite(scale);
      if (other || scales[at((int) first)] != scale) {
        changed = true;
        fill((int) first, (int) Math.min(columns, first + by.blockColumns()), scale);
      }
    }
    if (changed) {
      invert();
    }
    return fits;
  }

  private void fill(int first, int end, float scale) {
    int whole = end - end % BYTES.length();
    if (first % BYTES.length() == 0) {
      Arrays.fill(scales, first, whole, scale);
    }
    for (int column = first % BYTES.length() == 0 ? whole : first; column < end; column++) {
      scales[at(column)] = scale;
    }
  }

  /**
   * Computes the reciprocals of the scores' factors; 0 for a column whose products may not be
   * exact.
   */
  private void invert() {
    for (int at = 0; at < scales.length; at += COUNT) {
      FloatVector scale = Lanes.load(scales, at).mul(1 / unit);
      FloatVector product = scale.mul(Lanes.load(norms, at));
      VectorMask<Float> exact =
          product.min(scale).compare(GT, LEAST).and(product.compare(LT, 1 / LEAST));
      Lanes.constant(1)
          .div(product)
          .blend(0, exact.or(product.compare(EQ, 0)).not())
          .intoArray(inverses, at);
    }
  }

  /**
   * Copies a row of E4M3 without its signs.
   *
   * @return whether no code is NaN
   */
  private static boolean areFinite(MemorySegment from, long at, MemorySegment to) {
    if (from.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    ByteVector highest = ByteVector.zero(BYTES);
    for (int c = 0; c < to.byteSize(); c += BYTES.length()) {
      ByteVector magnitudes =
          ByteVector.fromMemorySegment(BYTES, from, at + c, ORDER).and((byte) MAGNITUDE);
      magnitudes.intoMemorySegment(to, c, ORDER);
      highest = highest.max(magnitudes);
    }
    return highest.reduceLanes(MAX) < MAGNITUDE;
  }

  /**
   * Spreads a row of 4-bit codes to a byte each.
   *
   * @return false if a block's scale is outside the range that bytes can hold
   */
  private boolean spread(Scales by, int row) {
    int count = Math.ceilDiv(columns, BLOCK);
    MemorySegment.copy(by.data(), ValueLayout.JAVA_BYTE, by.index(row, 0), exponents, 0, count);
    if (shift == 0) {
      shift = SHIFT_OF_E2M1;
      unit = UNIT_OF_E2M1;
      Arrays.fill(scales, unit);
      invert();
    }
    int lowest = MOST_EXPONENT;
    int highest = 1;
    for (int i = 0; i < count; i++) {
      int exponent = (exponents[i] & 0xff) - BASE;
      lowest = Math.min(lowest, exponent);
      highest = Math.max(highest, exponent);
      exponents[i] = (byte) (2 * exponent);
    }
    spread(packed, exponents, memory);
    return lowest >= 1 && highest <= MOST_EXPONENT;
  }

  /**
   * Spreads a row of 4-bit codes to a byte each. With the exponent 0, code 1 stands for one half
   * and code 2 for 1.
   */
  private static void spread(MemorySegment from, byte[] exponents, MemorySegment to) {
    if (from.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    for (int c = 0; c < to.byteSize(); c += BYTES.length()) {
      IntVector four =
          (IntVector)
              ShortVector.fromMemorySegment(PACKED, from, c / 2, ORDER)
                  .convertShape(ZERO_EXTEND_S2I, INTS, 0);
      IntVector two = four.or(four.lanewise(LSHL, Byte.SIZE)).and(0x00ff_00ff);
      ByteVector one =
          two.or(two.lanewise(LSHL, Byte.SIZE / 2)).and(0x0707_0707).reinterpretAsBytes();
      int i = c / BLOCK;
      ByteVector exponent =
          ByteVector.broadcast(BYTES, exponents[i]).blend(exponents[i + 1], SECOND_BLOCK);
      one.sub((byte) 1, one.compare(EQ, (byte) 1))
          .add(exponent)
          .blend((byte) 0, one.compare(EQ, (byte) 0))
          .intoMemorySegment(to, c, ORDER);
    }
  }

  /**
   * Replaces codes of a row by the code of 0, as {@link QuantizedMatrix#keep} does.
   *
   * @param kept one bit for each column, 0 if its code is replaced
   */
  public static void keep(QuantizedMatrix matrix, int row, long[] kept) {
    Codes codes = matrix.codes();
    boolean plain = matrix.scales().zeros() == null && matrix.scales().zero() == 0;
    boolean dense = codes.bits() == Byte.SIZE && codes.columnBits() == Byte.SIZE;
    if (plain && dense && codes.columns() % Long.SIZE == 0 && NativeMemory.is(codes.data())) {
      keep(codes.data(), row * codes.rowBytes(), kept);
    } else {
      matrix.keep(row, MemorySegment.ofArray(kept));
    }
  }

  private static void keep(MemorySegment codes, long at, long[] kept) {
    if (codes.getClass() != NativeMemory.TYPE) {
      throw NativeMemory.expected();
    }
    for (int word = 0; word < kept.length; word++) {
      for (int i = 0; i < Long.SIZE; i += BYTES.length()) {
        long to = at + (long) word * Long.SIZE + i;
        ByteVector row = ByteVector.fromMemorySegment(BYTES, codes, to, ORDER);
        VectorMask<Byte> goes = VectorMask.fromLong(BYTES, ~kept[word] >>> i);
        row.blend((byte) 0, goes).intoMemorySegment(codes, to, ORDER);
      }
    }
  }

  /** Returns whether the columns' thresholds have changed since the last call. */
  public boolean takeChanged() {
    boolean was = changed;
    changed = false;
    return was;
  }

  /** Returns the row that was loaded. */
  public MemorySegment memory() {
    return memory;
  }

  /** Returns the bits of an element's score. */
  public int score(int column) {
    int at = at(column);
    float value = Float.intBitsToFloat(memory.get(ValueLayout.JAVA_BYTE, column) << shift);
    return Float.floatToRawIntBits(value * scales[at] * norms[at]);
  }

  /**
   * Writes the lowest bytes whose scores reach one; those of padding are 0.
   *
   * @param thresholds two in each element
   * @param score the bits of a number above 0
   */
  public void thresholds(short[] thresholds, int score) {
    FloatVector wanted = Lanes.constant(Float.intBitsToFloat(score));
    int step = 1 << shift;
    // Beyond all bytes but the last, and not near to one.
    int highest = MAGNITUDE * step - step / 2;
    for (int first = 0; first < norms.length; first += BYTES.length()) {
      IntVector four = IntVector.zero(INTS);
      IntVector near = IntVector.broadcast(INTS, step);
      for (int part = Integer.BYTES - 1; part >= 0; part--) {
        FloatVector quotient = wanted.mul(Lanes.load(inverses, first + part * COUNT));
        IntVector bits = quotient.mul(1 / unit).reinterpretAsInts().min(highest);
        near = near.min(bits.add(NEAR).and(step - 1));
        four = four.lanewise(LSHL, Byte.SIZE).or(bits.add(step - 1).lanewise(LSHR, shift));
      }
      if (near.compare(LT, 2 * NEAR).anyTrue()) {
        four = bisected(wanted, first);
      }
      four.reinterpretAsShorts().intoArray(thresholds, first / 2);
    }
  }

  /** Finds thresholds where a quotient is so near to a byte that rounding may have moved it. */
  private IntVector bisected(FloatVector wanted, int first) {
    IntVector four = IntVector.zero(INTS);
    for (int part = Integer.BYTES - 1; part >= 0; part--) {
      four = four.lanewise(LSHL, Byte.SIZE).or(bisectedPart(wanted, first + part * COUNT));
    }
    return four;
  }

  private IntVector bisectedPart(FloatVector wanted, int at) {
    FloatVector norm = Lanes.load(norms, at);
    FloatVector scale = Lanes.load(scales, at);
    IntVector below = IntVector.zero(INTS);
    for (int bit = 64; bit > 0; bit /= 2) {
      FloatVector value = below.add(bit - 1).lanewise(LSHL, shift).reinterpretAsFloats();
      VectorMask<Float> lower = value.mul(scale).mul(norm).compare(LT, wanted);
      below = below.add(bit, lower.cast(INTS));
    }
    return below;
  }
}
