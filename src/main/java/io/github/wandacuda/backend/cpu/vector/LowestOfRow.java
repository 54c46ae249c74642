package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.RowElements;
import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Prunes the lowest scores of each row in short passes over it, all in the fastest caches:
 *
 * <ol>
 *   <li>{@link HighKeys} writes the upper halves of the scores' bits.
 *   <li>{@link LowestKeys} finds the one among them below which all goes and above which all stays,
 *       by counting, and by looking more closely at the few percent around the row before's.
 *   <li>What has just this upper half is told apart by whole scores: a few elements, unless many
 *       are equal, when {@link TiedKeys} does it.
 *   <li>{@link KeptBits} writes which elements stay, and the row without the others.
 * </ol>
 */
final class LowestOfRow implements RowPruner {
  /** The most elements at the limit that are worth a look at each of them. */
  private static final int MOST_TIES = 128;

  private final DType dtype;
  private final int columns;
  private final float[] norms;
  private final int wanted;
  private final HighKeys high;
  private final LowestKeys search;
  private final KeptBits bits;
  private final ScoreKeys scores;
  private final TiedKeys tied;
  private final short[] keys;
  private final int[] atLimit = new int[MOST_TIES];
  private final long[] ordered = new long[MOST_TIES];
  private int zeros;

  LowestOfRow(DType dtype, int columns, float[] norms, int wanted) {
    this.dtype = dtype;
    this.columns = columns;
    this.norms = norms;
    this.wanted = wanted;
    Places places = new Places(dtype, columns);
    Planes planes = Planes.of(dtype, columns);
    float[] arranged = planes.arranged(norms);
    high = new HighKeys(places, planes, arranged);
    search = new LowestKeys(places.length());
    bits = new KeptBits(places);
    scores = new ScoreKeys(dtype, planes, arranged);
    tied = new TiedKeys(planes);
    keys = new short[places.length()];
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    if (!high.compute(memory, at, keys)) {
      return NON_FINITE;
    }
    search.find(keys, keys.length, columns, high.mean(), wanted);
    int left = wanted - search.below();
    if (left > 0 && search.atLimit() > MOST_TIES) {
      scores.compute(memory, at, tied.keys());
      tied.keep(search.limit(), wanted, kept);
    } else {
      bits.set(keys, search.limit(), kept);
      clearLowest(left, memory, at, kept);
    }
    bits.apply(kept, memory, at);
    // Scores of zero are the lowest: where one above them goes, all of them do.
    zeros = search.limit() > 0 ? wanted : ZeroCounts.count(dtype, memory, at, columns);
    return wanted;
  }

  /**
   * Clears the bits of the lowest of the elements at the limit, of equal ones the lowest columns.
   */
  private void clearLowest(int count, MemorySegment memory, long at, long[] kept) {
    if (count == 0) {
      return;
    }
    int found = bits.list(keys, search.limit(), atLimit);
    for (int i = 0; i < found; i++) {
      int column = atLimit[i];
      float magnitude = Float.intBitsToFloat(RowElements.magnitude(dtype, memory, at, column));
      int key = Float.floatToRawIntBits(magnitude * norms[column]);
      ordered[i] = (long) key << Integer.SIZE | column;
    }
    Arrays.sort(ordered, 0, found);
    for (int i = 0; i < count; i++) {
      int column = (int) ordered[i];
      kept[column / Long.SIZE] &= ~(1L << column);
    }
  }

  @Override
  public int zeros() {
    return zeros;
  }
}
