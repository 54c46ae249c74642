package io.github.wandacuda.simd;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;

/**
 * A thread's buffers for products with a sparse matrix, kept from call to call: activations and
 * bits in blocks of columns that stay in the first-level cache. A word is the {@link
 * SparseKernels#CHAINS} columns of an int of the bitmask; columns behind the last one are zeros.
 * {@link #ROWS} rows of weights are multiplied together, by one row of activations or by groups of
 * {@link #TOGETHER}.
 */
final class ColumnBlocks {
  /** Rows of weights that are multiplied together. */
  static final int ROWS = 4;

  /** Rows of activations of a group, if there is more than one row. */
  static final int TOGETHER = 4;

  static final int WORD = SparseKernels.CHAINS;

  /** Floats of a vector. */
  static final int HALF = WORD / 2;

  /** The most words of a block. */
  static final int MOST_WORDS = 128;

  /** The most words of a block if each word has the activations of a group. */
  private static final int FEW_WORDS = 64;

  private static final int BLOCK_FLOATS = Math.max(MOST_WORDS, FEW_WORDS * TOGETHER) * WORD;
  private static final int VECTOR = HALF * Integer.BYTES;
  private static final int PAGE = 4096;
  private static final int LINE = 64;

  /** Cache lines at the beginning of a page that are loaded early. */
  private static final int LINES = 3;

  /** The bits of the block that is multiplied; rows are {@link #MOST_WORDS} apart. */
  int[] bits = new int[ROWS * MOST_WORDS];

  private int[] nextBits = new int[ROWS * MOST_WORDS];

  /** The offsets at which each row's next values begin, in bytes. */
  final long[] at = new long[ROWS];

  /** These offsets when a block began. */
  private final long[] before = new long[ROWS];

  int blocks;

  /** Groups of rows of activations. */
  int groups;

  /** Rows of activations of a group; rows behind the last one are zeros. */
  int tokens;

  private int words;
  private int blockWords;
  private float[][] activations = {};
  private float[][] chains = {};
  private byte touched;

  /**
   * Takes the activations of a call. Within a word, the even columns come before the odd ones, as
   * in an expanded vector of BF16 weights, whose even columns are the lower halves of ints.
   *
   * @param xAt the index of the first activation in {@code x}
   * @param count rows of activations
   */
  void load(SparseMatrix matrix, float[] x, int xAt, int count) {
    int columns = matrix.columns();
    words = Math.ceilDiv(columns, WORD);
    tokens = count == 1 ? 1 : TOGETHER;
    groups = Math.ceilDiv(count, tokens);
    int wanted = Math.max(1, Math.ceilDiv(words, count == 1 ? MOST_WORDS : FEW_WORDS));
    blockWords = Math.ceilDiv(words, wanted);
    blocks = words == 0 ? 0 : Math.ceilDiv(words, blockWords);
    reserve();
    for (int block = 0; block < blocks; block++) {
      int from = block * blockWords * WORD;
      int part = Math.min(columns - from, blockWords * WORD);
      for (int t = 0; t < groups * tokens; t++) {
        float[] to = x(t / tokens, block);
        if (t < count) {
          copy(x, xAt + t * columns + from, part, to, t % tokens);
        } else {
          clear(to, t % tokens);
        }
      }
    }
  }

  private void reserve() {
    if (activations.length < groups * blocks) {
      activations = new float[groups * blocks][BLOCK_FLOATS];
    }
    if (chains.length < groups) {
      chains = new float[groups][ROWS * TOGETHER * WORD];
    }
  }

  private void copy(float[] x, int from, int count, float[] to, int token) {
    int at = token * WORD;
    int whole = count / WORD;
    for (int word = 0; word < whole; word++) {
      for (int i = 0; i < HALF; i++) {
        to[at + i] = x[from + word * WORD + 2 * i];
        to[at + HALF + i] = x[from + word * WORD + 2 * i + 1];
      }
      at += tokens * WORD;
    }
    if (count % WORD > 0) {
      Arrays.fill(to, at, at + WORD, 0f);
      for (int i = 0; i < count % WORD; i++) {
        to[at + i / 2 + i % 2 * HALF] = x[from + whole * WORD + i];
      }
    }
  }

  private void clear(float[] to, int token) {
    for (int word = 0; word < blockWords; word++) {
      int at = (word * tokens + token) * WORD;
      Arrays.fill(to, at, at + WORD, 0f);
    }
  }

  /** Returns a group's activations of a block: word by word, of each word those of each row. */
  float[] x(int group, int block) {
    return activations[group * blocks + block];
  }

  /** Returns a group's chains: of each row of weights those of each row of activations. */
  float[] chains(int group) {
    return chains[group];
  }

  int words(int block) {
    return Math.min(blockWords, words - block * blockWords);
  }

  /** Sets all chains to 0. */
  void clearChains() {
    for (int group = 0; group < groups; group++) {
      Arrays.fill(chains[group], 0, ROWS * tokens * WORD, 0f);
    }
  }

  /** Takes the bits that were read last for the block that is multiplied next. */
  void turnBits() {
    int[] read = nextBits;
    nextBits = bits;
    bits = read;
  }

  /** Remembers where a block's values begin. */
  void mark() {
    System.arraycopy(at, 0, before, 0, ROWS);
  }

  /** Goes back to where the block's values begin. */
  void goBack() {
    System.arraycopy(before, 0, at, 0, ROWS);
  }

  /**
   * Reads the bits of a row's block. A product that read them from the memory itself would have to
   * wait for it.
   *
   * @param place the row's number among those side by side
   */
  void readBits(SparseMatrix matrix, int row, int block, int place) {
    int rowBytes = Math.ceilDiv(matrix.columns(), Byte.SIZE);
    int before = block * blockWords * Integer.BYTES;
    int bytes = Math.min(rowBytes - before, blockWords * Integer.BYTES);
    copyBits(matrix.bitmask(), (long) row * rowBytes + before, bytes, place * MOST_WORDS);
  }

  private void copyBits(MemorySegment bitmask, long at, int bytes, int to) {
    int vectors = (int) Math.min(Math.ceilDiv(bytes, VECTOR), (bitmask.byteSize() - at) / VECTOR);
    for (int i = 0; i < vectors; i++) {
      IntVector.fromMemorySegment(Expansion.INTS, bitmask, at + (long) i * VECTOR, Expansion.ORDER)
          .intoArray(nextBits, to + i * HALF);
    }
    int last = to + bytes / Integer.BYTES;
    int used = bytes % Integer.BYTES * Byte.SIZE;
    if (vectors * VECTOR < bytes) {
      Arrays.fill(nextBits, to + vectors * HALF, Math.min(last + 1, nextBits.length), 0);
      for (int i = vectors * VECTOR; i < bytes; i++) {
        nextBits[to + i / Integer.BYTES] |=
            (bitmask.get(ValueLayout.JAVA_BYTE, at + i) & 0xff) << (i % Integer.BYTES * Byte.SIZE);
      }
    } else if (used > 0) {
      // What follows are the next row's.
      nextBits[last] &= (1 << used) - 1;
    }
  }

  /**
   * Loads the beginnings of the pages that each row's values will reach next. A processor
   * prefetches within a page only, and all products wait while one row's values are late. By this
   * the rows wait together, once.
   */
  void touchPages(MemorySegment values) {
    long shift = values.address() % PAGE;
    byte sum = 0;
    for (int i = 0; i < ROWS; i++) {
      long page = (at[i] + shift) / PAGE * PAGE + PAGE - shift;
      if (page + LINES * LINE <= values.byteSize()) {
        for (int line = 0; line < LINES; line++) {
          sum += values.get(ValueLayout.JAVA_BYTE, page + line * LINE);
        }
      }
    }
    // Written for the JIT alone, which would leave out loads whose values nobody uses.
    touched = sum;
  }
}
