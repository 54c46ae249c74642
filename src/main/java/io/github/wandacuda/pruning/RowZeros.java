package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;

/** The zeros of one row of a matrix at a time, +0.0 and -0.0 alike. */
public final class RowZeros {
  private final int columns;
  private final RowWords row;
  private final int lanes;
  private final long signs;
  private int start;

  public RowZeros(DType dtype, int columns) {
    this.columns = columns;
    row = new RowWords(dtype, columns);
    lanes = row.lanes();
    signs = row.signs();
  }

  /** Reads a row; the element type and columns are those this was made for. */
  public void read(WeightMatrix matrix, int index) {
    start = row.read(matrix, index);
  }

  /** Returns the row's zeros. */
  public int count() {
    return count(0, row.rowWords());
  }

  /** Returns whether every group has the zeros that a pattern of a multiple of 4 asks for. */
  public boolean holds(Sparsity.GroupPattern pattern) {
    if (!pattern.fits(columns)) {
      return false;
    }
    int groupWords = pattern.size() / lanes;
    for (int word = 0; word < columns / lanes; word += groupWords) {
      if (count(word, word + groupWords) < pattern.pruned()) {
        return false;
      }
    }
    return true;
  }

  /**
   * Counts in some words. Each one's lanes that hold no zero become bits, which are shifted so that
   * as many words as a lane has bits are counted at once; the loop has no calls, since it mostly
   * runs before it has been compiled.
   */
  private int count(int from, int to) {
    long[] words = row.words();
    long magnitudes = ~signs;
    int others = 0;
    for (int word = start + from; word < start + to; ) {
      int end = Math.min(start + to, word + Long.SIZE / lanes);
      long bits = 0;
      for (int shift = 0; word < end; shift++, word++) {
        bits |= ((words[word] & magnitudes) + magnitudes & signs) >>> shift;
      }
      others += Long.bitCount(bits);
    }
    return (to - from) * lanes - others;
  }
}
