package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.ColumnBlocks.ROWS;
import static io.github.wandacuda.simd.ColumnBlocks.WORD;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;

/**
 * One call's operands, weights of BF16 or float32, multiplied block by block of columns. While a
 * block is multiplied, the next one's bits are on their way.
 */
record BlockProduct(SparseMatrix matrix, ColumnBlocks own, float[] out, int outOffset, int count) {

  /** Multiplies as many rows as fours make up and returns the first that is left. */
  int fours(int from, int to) {
    int distance = (to - from) / ROWS;
    int end = from + distance;
    if (from < end && own.blocks > 0) {
      readBits(from, distance, 0);
    }
    for (int row = from; row < end; row++) {
      for (int i = 0; i < ROWS; i++) {
        own.at[i] = start(row + i * distance);
      }
      own.clearChains();
      for (int block = 0; block < own.blocks; block++) {
        own.turnBits();
        if (block + 1 < own.blocks) {
          readBits(row, distance, block + 1);
        } else if (row + 1 < end) {
          readBits(row + 1, distance, 0);
        }
        own.touchPages(matrix.values());
        multiply(block);
      }
      for (int i = 0; i < ROWS; i++) {
        sums(row + i * distance, i);
      }
    }
    return from + ROWS * distance;
  }

  private void readBits(int row, int distance, int block) {
    for (int i = 0; i < ROWS; i++) {
      own.readBits(matrix, row + i * distance, block, i);
    }
  }

  private void multiply(int block) {
    int words = own.words(block);
    int[] bits = own.bits;
    long[] at = own.at;
    own.mark();
    for (int group = 0; group < own.groups; group++) {
      own.goBack();
      float[] x = own.x(group, block);
      float[] chains = own.chains(group);
      if (matrix.dtype() == DType.BF16) {
        if (own.tokens == 1) {
          BfloatRows.four(matrix.values(), at, bits, words, x, chains);
        } else {
          BfloatRows.two(matrix.values(), at, 0, bits, words, x, chains);
          BfloatRows.two(matrix.values(), at, 2, bits, words, x, chains);
        }
      } else if (own.tokens == 1) {
        SingleRows.four(matrix.values(), at, bits, words, x, chains);
      } else {
        SingleRows.two(matrix.values(), at, 0, bits, words, x, chains);
        SingleRows.two(matrix.values(), at, 2, bits, words, x, chains);
      }
    }
  }

  /** Multiplies each row alone, however close the end of the memory is. */
  void ones(int from, int to) {
    for (int row = from; row < to; row++) {
      own.at[0] = start(row);
      own.clearChains();
      for (int block = 0; block < own.blocks; block++) {
        own.readBits(matrix, row, block, 0);
        own.turnBits();
        own.mark();
        for (int t = 0; t < count; t++) {
          own.goBack();
          one(block, t);
        }
      }
      sums(row, 0);
    }
  }

  private void one(int block, int token) {
    int group = token / own.tokens;
    int t = token % own.tokens;
    int words = own.words(block);
    float[] x = own.x(group, block);
    float[] chains = own.chains(group);
    if (matrix.dtype() == DType.BF16) {
      BfloatRows.one(matrix.values(), own.at, own.bits, words, x, t, own.tokens, chains);
    } else {
      SingleRows.one(matrix.values(), own.at, own.bits, words, x, t, own.tokens, chains);
    }
  }

  private long start(int row) {
    return matrix.rowOffset(row) * matrix.dtype().bytes();
  }

  private void sums(int row, int place) {
    for (int t = 0; t < count; t++) {
      float[] chains = own.chains(t / own.tokens);
      int at = (place * own.tokens + t % own.tokens) * WORD;
      out[outOffset + t * matrix.rows() + row] =
          matrix.dtype() == DType.BF16
              ? ChainSums.alternate(chains, at)
              : ChainSums.inOrder(chains, at);
    }
  }
}
