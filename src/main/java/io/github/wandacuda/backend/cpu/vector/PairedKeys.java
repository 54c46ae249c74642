package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORTS;
import static jdk.incubator.vector.VectorOperators.MAX;

import io.github.wandacuda.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * The upper halves of the keys of a row of 16-bit elements, two to a word. The keys of a word
 * belong to the same lane of two neighbouring vectors of the row, the first one's in the lower
 * half; vectors of words come in the order of their first columns. Even columns have a plane of
 * words and odd ones another behind it. So the columns of a group that are even lie in words side
 * by side, and the odd ones in the same places of the other plane.
 */
final class PairedKeys {
  private final DType dtype;
  private final float[] norms;
  private final int normStride;
  private final int filled;
  private final int stride;
  private final int[] words;
  private boolean finite;

  /**
   * Prepares rows.
   *
   * @param norms one for each column
   * @param vectors what a plane's words are made a multiple of, in vectors
   */
  PairedKeys(DType dtype, int columns, float[] norms, int vectors) {
    this.dtype = dtype;
    Planes planes = Planes.of(dtype, columns);
    this.norms = planes.arranged(norms);
    normStride = planes.stride();
    filled = normStride / 2;
    int unit = vectors * COUNT;
    stride = Math.ceilDiv(filled, unit) * unit;
    words = new int[2 * stride];
    Arrays.fill(words, HighKeys.PAD << Short.SIZE | HighKeys.PAD);
  }

  /** Returns the words, {@link HighKeys#PAD} twice where there are no columns of the row. */
  int[] words() {
    return words;
  }

  /** Returns the number of words in a plane. */
  int stride() {
    return stride;
  }

  /** Returns the passes that compute a row's keys. */
  List<RowPass> passes() {
    return dtype == DType.BF16 ? List.of(this::brainFloats) : List.of(this::even, this::odd);
  }

  /** Returns whether all elements of the row computed last are finite. */
  boolean areFinite() {
    return finite;
  }

  private void brainFloats(MemorySegment memory, long at) {
    ShortVector highest = ShortVector.zero(SHORTS);
    for (int i = 0; i < filled; i += COUNT) {
      int first = 2 * i;
      int second = first + COUNT;
      IntVector one = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * first);
      IntVector other = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * second);
      highest = highest.max(one.reinterpretAsShorts()).max(other.reinterpretAsShorts());
      IntVector even = Scores.evenBrainKeys(one, norms, first);
      IntVector odd = Scores.oddBrainKeys(one, norms, normStride + first);
      Scores.upperHalves(even, Scores.evenBrainKeys(other, norms, second)).intoArray(words, i);
      Scores.upperHalves(odd, Scores.oddBrainKeys(other, norms, normStride + second))
          .intoArray(words, stride + i);
    }
    finite = highest.reduceLanes(MAX) < Scores.BRAIN_INFINITY;
  }

  private void even(MemorySegment memory, long at) {
    ShortVector highest = ShortVector.zero(SHORTS);
    for (int i = 0; i < filled; i += COUNT) {
      int first = 2 * i;
      int second = first + COUNT;
      IntVector one = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * first);
      IntVector other = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * second);
      highest = highest.max(one.reinterpretAsShorts()).max(other.reinterpretAsShorts());
      IntVector even = Scores.evenHalfKeys(one, norms, first);
      Scores.upperHalves(even, Scores.evenHalfKeys(other, norms, second)).intoArray(words, i);
    }
    finite = highest.reduceLanes(MAX) < Scores.HALF_INFINITY;
  }

  private void odd(MemorySegment memory, long at) {
    for (int i = 0; i < filled; i += COUNT) {
      int first = 2 * i;
      int second = first + COUNT;
      IntVector one = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * first);
      IntVector other = Scores.halfMagnitudes(memory, at + (long) Integer.BYTES * second);
      IntVector odd = Scores.oddHalfKeys(one, norms, normStride + first);
      Scores.upperHalves(odd, Scores.oddHalfKeys(other, norms, normStride + second))
          .intoArray(words, stride + i);
    }
  }
}
