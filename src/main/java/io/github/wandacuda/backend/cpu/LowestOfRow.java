package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowElements;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.simd.KeyLayout;
import io.github.wandacuda.simd.RowMaskWriter;
import io.github.wandacuda.simd.RowPass;
import io.github.wandacuda.simd.ScoreKeys;
import io.github.wandacuda.simd.Scores;
import io.github.wandacuda.simd.TiedKeys;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Prunes the lowest scores of each row in short passes over it, all in the fastest caches:
 *
 * <ol>
 *   <li>{@link ScoreKeys} writes the upper halves of the scores' bits.
 *   <li>{@link KeyThreshold} finds the one among them below which all is pruned and above which all
 *       stays, by counting, and by looking more closely at the few percent around the row before's.
 *   <li>Elements with exactly this upper half are compared by whole scores: they are few, or else
 *       {@link TiedKeys} compares them.
 *   <li>{@link RowMaskWriter} writes which elements are kept, and the row without the others.
 * </ol>
 */
final class LowestOfRow extends RowPruner {
  private final DType dtype;
  private final int columns;
  private final float[] norms;
  private final int wanted;
  private final KeyThreshold lowest;
  private final RowMaskWriter bits;
  private final ScoreKeys scores;
  private final TiedKeys tied;
  private final short[] keys;
  private final long[] ordered = new long[RowMaskWriter.MOST_LISTED];
  private final RowPass[] score;
  private final RowPass[] search;
  private final RowPass[] clear;
  private final RowPass[] clearTied;
  private int listed;
  private boolean manyShare;

  /**
   * Prepares rows.
   *
   * @param norms a norm for each column
   * @param wanted how many elements of a row are pruned
   */
  public LowestOfRow(DType dtype, int columns, float[] norms, int wanted) {
    this.dtype = dtype;
    this.columns = columns;
    this.norms = norms;
    this.wanted = wanted;
    KeyLayout planes = KeyLayout.of(dtype, columns);
    lowest = new KeyThreshold(planes.length());
    bits = new RowMaskWriter(planes);
    scores = new ScoreKeys(dtype, planes, planes.arranged(norms));
    tied = new TiedKeys(planes);
    keys = new short[planes.length()];
    score = new RowPass[] {(memory, at, kept) -> scores.computeHigh(memory, at, keys)};
    search = new RowPass[] {(memory, at, kept) -> lowest.find(keys, keys.length, columns, wanted)};
    clear =
        new RowPass[] {
          (memory, at, kept) ->
              listed = bits.clear(keys, lowest.threshold(), left() > 0, memory, at, kept),
          this::clearLowest
        };
    clearTied =
        new RowPass[] {
          (memory, at, kept) -> scores.compute(memory, at, tied.keys()),
          (memory, at, kept) -> tied.keep(keys, lowest.threshold(), lowest.below(), wanted, kept),
          (memory, at, kept) -> bits.apply(kept, memory, at)
        };
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    RowPass.runAll(score, memory, at, kept);
    if (!scores.areFinite()) {
      return NON_FINITE;
    }
    RowPass.runAll(search, memory, at, kept);
    manyShare = left() > 0 && lowest.atThreshold() > RowMaskWriter.MOST_LISTED;
    RowPass.runAll(manyShare ? clearTied : clear, memory, at, kept);
    // Scores of zero are the lowest: where one above them is pruned, all of them are.
    zeros = lowest.threshold() > 0 ? wanted : Scores.zeros(dtype, memory, at, columns);
    return wanted;
  }

  /** Returns the upper half of the last row's threshold, as a score's bits. */
  int threshold() {
    return lowest.threshold() << Short.SIZE;
  }

  /** Returns how many elements of the last row have this upper half. */
  int sharing() {
    return lowest.atThreshold();
  }

  /**
   * Returns whether very many elements of the last row have exactly its threshold as their score.
   */
  boolean isTied() {
    return manyShare && tied.atThreshold() > RowMaskWriter.MOST_LISTED;
  }

  /** Returns the threshold of a row that {@link #isTied}, as a score's bits. */
  int tiedThreshold() {
    return tied.threshold();
  }

  /** Returns how many of the elements with the threshold's upper half are pruned. */
  private int left() {
    return wanted - lowest.below();
  }

  /** Prunes the lowest of the listed elements; among equal ones, those in the lowest columns. */
  private void clearLowest(MemorySegment memory, long at, long[] kept) {
    for (int i = 0; i < listed; i++) {
      int column = bits.listed()[i];
      int key = RowElements.score(dtype, memory, at, column, norms);
      ordered[i] = (long) key << Integer.SIZE | column;
    }
    Arrays.sort(ordered, 0, listed);
    for (int i = 0; i < left(); i++) {
      int column = (int) ordered[i];
      RowElements.clear(dtype, memory, at, column);
      kept[column / Long.SIZE] &= ~(1L << column);
    }
  }
}
