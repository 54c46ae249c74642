package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static jdk.incubator.vector.VectorOperators.MAX;

import io.github.wandacuda.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Writes a row's keys: whole ones, or their upper halves, which are sign, exponent and seven bits
 * of fraction. The upper halves decide about most elements, with half the memory and twice the
 * elements in a vector. Keys lie where {@link KeyLayout} says.
 */
public final class ScoreKeys {
  /** The key of padding, above that of every score, infinity included. */
  static final int PAD = Integer.MAX_VALUE;

  /** The upper half of a key of padding. */
  public static final short HIGH_PAD = Short.MAX_VALUE;

  private final DType dtype;
  private final KeyLayout planes;
  private final float[] norms;
  private boolean finite;

  /**
   * Prepares rows.
   *
   * @param planes where keys lie
   * @param norms as {@link KeyLayout} arranges them
   */
  public ScoreKeys(DType dtype, KeyLayout planes, float[] norms) {
    this.dtype = dtype;
    this.planes = planes;
    this.norms = norms;
  }

  /**
   * Writes a row's whole keys.
   *
   * @param memory holds the row
   * @param at where the row begins, in bytes
   * @param keys takes {@link KeyLayout#length} keys
   */
  public void compute(MemorySegment memory, long at, int[] keys) {
    finite =
        switch (dtype) {
          case F32 -> floats(memory, at, keys);
          case F16 -> halves(memory, at, keys, false);
          case BF16 -> halves(memory, at, keys, true);
        };
    for (int plane = 0; plane < planes.count(); plane++) {
      int from = plane * planes.stride();
      Arrays.fill(keys, from + planes.filled(plane), from + planes.stride(), PAD);
    }
  }

  /**
   * Writes the upper halves of a row's keys.
   *
   * @param memory holds the row
   * @param at where the row begins, in bytes
   * @param keys takes a key for each column at {@link KeyLayout#highAt}, and padding
   */
  public void computeHigh(MemorySegment memory, long at, short[] keys) {
    finite =
        switch (dtype) {
          case F32 -> highFloats(memory, at, keys);
          case F16 -> highHalves(memory, at, keys, false);
          case BF16 -> highHalves(memory, at, keys, true);
        };
    for (int column = planes.columns(); column < planes.length(); column++) {
      keys[planes.highAt(column)] = HIGH_PAD;
    }
  }

  /** Returns whether all elements of the last row were finite. */
  public boolean areFinite() {
    return finite;
  }

  private boolean floats(MemorySegment memory, long at, int[] keys) {
    IntVector highest = IntVector.zero(INTS);
    int stride = planes.stride();
    for (int i = 0; i < stride; i += COUNT) {
      IntVector magnitudes = Scores.magnitudes(memory, at + (long) Integer.BYTES * i);
      highest = highest.max(magnitudes);
      Scores.keys(magnitudes, norms, i).intoArray(keys, i);
    }
    return highest.reduceLanes(MAX) < Scores.INFINITY;
  }

  private boolean halves(MemorySegment memory, long at, int[] keys, boolean brain) {
    ShortVector highest = ShortVector.zero(SHORTS);
    int stride = planes.stride();
    for (int i = 0; i < stride; i += COUNT) {
      IntVector words = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * i);
      highest = highest.max(words.reinterpretAsShorts());
      Scores.evenKeys(words, brain, norms, i).intoArray(keys, i);
      Scores.oddKeys(words, brain, norms, stride + i).intoArray(keys, stride + i);
    }
    return highest.reduceLanes(MAX) < Scores.infinity(brain);
  }

  private boolean highFloats(MemorySegment memory, long at, short[] keys) {
    IntVector highest = IntVector.zero(INTS);
    for (int i = 0; i < keys.length; i += 2 * COUNT) {
      long from = at + (long) Integer.BYTES * i;
      IntVector low = Scores.magnitudes(memory, from);
      IntVector high = Scores.magnitudes(memory, from + (long) Integer.BYTES * COUNT);
      highest = highest.max(low).max(high);
      IntVector highKeys = Scores.keys(high, norms, i + COUNT);
      IntVector halves = Scores.upperHalves(Scores.keys(low, norms, i), highKeys);
      halves.reinterpretAsShorts().intoArray(keys, i);
    }
    return highest.reduceLanes(MAX) < Scores.INFINITY;
  }

  private boolean highHalves(MemorySegment memory, long at, short[] keys, boolean brain) {
    ShortVector highest = ShortVector.zero(SHORTS);
    int stride = planes.stride();
    for (int i = 0; i < stride; i += COUNT) {
      IntVector words = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * i);
      highest = highest.max(words.reinterpretAsShorts());
      Scores.halves(words, brain, norms, i, stride + i).intoArray(keys, 2 * i);
    }
    return highest.reduceLanes(MAX) < Scores.infinity(brain);
  }
}
