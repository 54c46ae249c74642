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

/** A row's whole keys, where {@link KeyLayout} says. */
public final class ScoreKeys {
  /** The key of padding, above that of every score, infinity included. */
  static final int PAD = Integer.MAX_VALUE;

  private final DType dtype;
  private final KeyLayout planes;
  private final float[] norms;
  private boolean finite;

  /**
   * Prepares rows.
   *
   * @param norms as {@link KeyLayout} arranges them
   */
  public ScoreKeys(DType dtype, KeyLayout planes, float[] norms) {
    this.dtype = dtype;
    this.planes = planes;
    this.norms = norms;
  }

  /** Writes a row's keys. */
  public void compute(MemorySegment memory, long at, int[] keys) {
    finite =
        switch (dtype) {
          case F32 -> floats(memory, at, keys);
          case F16 -> halves(memory, at, keys);
          case BF16 -> brainFloats(memory, at, keys);
        };
    for (int plane = 0; plane < planes.count(); plane++) {
      int from = plane * planes.stride();
      Arrays.fill(keys, from + planes.filled(plane), from + planes.stride(), PAD);
    }
  }

  /** Returns whether all elements of the last row were finite. */
  boolean areFinite() {
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

  private boolean brainFloats(MemorySegment memory, long at, int[] keys) {
    ShortVector highest = ShortVector.zero(SHORTS);
    int stride = planes.stride();
    for (int i = 0; i < stride; i += COUNT) {
      IntVector words = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * i);
      highest = highest.max(words.reinterpretAsShorts());
      Scores.evenBrainKeys(words, norms, i).intoArray(keys, i);
      Scores.oddBrainKeys(words, norms, stride + i).intoArray(keys, stride + i);
    }
    return highest.reduceLanes(MAX) < Scores.BRAIN_INFINITY;
  }

  private boolean halves(MemorySegment memory, long at, int[] keys) {
    ShortVector highest = ShortVector.zero(SHORTS);
    int stride = planes.stride();
    for (int i = 0; i < stride; i += COUNT) {
      IntVector words = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * i);
      highest = highest.max(words.reinterpretAsShorts());
      Scores.evenHalfKeys(words, norms, i).intoArray(keys, i);
      Scores.oddHalfKeys(words, norms, stride + i).intoArray(keys, stride + i);
    }
    return highest.reduceLanes(MAX) < Scores.HALF_INFINITY;
  }
}
