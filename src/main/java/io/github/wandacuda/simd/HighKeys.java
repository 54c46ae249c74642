package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static jdk.incubator.vector.VectorOperators.MAX;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * The upper halves of a row's keys: sign, exponent and seven bits of fraction. Most elements are
 * told apart by them, at half the memory and twice the elements a vector. They lie where {@link
 * Places} says.
 */
public final class HighKeys {
  /** The key of padding, above that of every score, infinity included. */
  public static final short PAD = Short.MAX_VALUE;

  private final HighKeyLayout places;
  private final float[] norms;
  private final KeyLayout planes;
  private boolean finite;

  /**
   * Prepares rows.
   *
   * @param norms as {@link KeyLayout} arranges them
   */
  public HighKeys(HighKeyLayout places, KeyLayout planes, float[] norms) {
    this.places = places;
    this.planes = planes;
    this.norms = norms;
  }

  /** Writes a row's keys. */
  public void compute(MemorySegment memory, long at, short[] keys) {
    finite =
        switch (places.dtype()) {
          case F32 -> floats(memory, at, keys);
          case F16 -> halves(memory, at, keys, false);
          case BF16 -> halves(memory, at, keys, true);
        };
    for (int column = places.columns(); column < places.length(); column++) {
      keys[places.at(column)] = PAD;
    }
  }

  /** Returns whether all elements of the last row were finite. */
  public boolean areFinite() {
    return finite;
  }

  private boolean floats(MemorySegment memory, long at, short[] keys) {
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

  private boolean halves(MemorySegment memory, long at, short[] keys, boolean brain) {
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
