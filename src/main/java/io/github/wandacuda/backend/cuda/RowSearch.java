package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.tensor.DType;

/**
 * Which kernel prunes the lowest scores of whole rows, and how it is launched: from registers where
 * a row fits there, else from shared memory, else from device memory in several passes.
 *
 * @param file the kernel's file
 * @param kernel its name, without the type
 * @param threads threads of a block
 * @param bins bins of the search's histogram
 * @param stagedBytes shared memory for the row, or 0 where it isn't staged
 */
record RowSearch(String file, String kernel, int threads, int bins, long stagedBytes) {
  private static final int WARP = 32;
  private static final int VECTOR_BYTES = 16;

  /** Weights that a thread holds together with their keys, or whose keys it computes anew. */
  private static final int FEW_ITEMS = 16;

  /** Weights that a thread holds at most. */
  private static final int MANY_ITEMS = 32;

  /** Threads whose registers let two blocks share a multiprocessor, in kernels that need more. */
  private static final int FEWER_THREADS = 448;

  private static final int MOST_THREADS = 512;

  /** Bins that a thread scans. */
  private static final int BINS_PER_THREAD = 8;

  private static final int MOST_BINS = 2048;

  /** More than what the kernels keep in shared memory beside the histogram and a row. */
  private static final int BESIDE_BYTES = 4 << 10;

  /**
   * Chooses for rows of a matrix.
   *
   * @param dtype the weights' type
   * @param columns weights in a row
   * @param sharedBytes the most shared memory of a block
   */
  static RowSearch of(DType dtype, int columns, int sharedBytes) {
    int threads = dtype == DType.F32 ? FEWER_THREADS : MOST_THREADS;
    if (columns <= FEW_ITEMS * threads) {
      return inRegisters("select_rows_16", columns, FEW_ITEMS);
    }
    if (dtype != DType.F32 && columns <= MANY_ITEMS * FEWER_THREADS) {
      return inRegisters("select_rows_32", columns, MANY_ITEMS);
    }
    long rowBytes =
        Math.ceilDiv((long) columns * dtype.bytes(), (long) VECTOR_BYTES) * VECTOR_BYTES;
    int bins = bins(MOST_THREADS);
    boolean fits = bytes(bins) + rowBytes + BESIDE_BYTES <= sharedBytes;
    return new RowSearch(
        "select_rows_long", "select_rows_long", MOST_THREADS, bins, fits ? rowBytes : 0);
  }

  private static RowSearch inRegisters(String kernel, int columns, int items) {
    int threads = Math.ceilDiv(Math.ceilDiv(columns, items), WARP) * WARP;
    return new RowSearch("select_rows", kernel, threads, bins(threads), 0);
  }

  /** Returns the bins that whole warps of a block can scan: a power of two. */
  static int bins(int threads) {
    return Math.min(MOST_BINS, Integer.highestOneBit(threads) * BINS_PER_THREAD);
  }

  /** Returns the bytes of a histogram. */
  static int bytes(int bins) {
    return bins * Integer.BYTES;
  }

  /** Returns the dynamic shared memory of a block. */
  int sharedBytes() {
    return Math.toIntExact(bytes(bins) + stagedBytes);
  }
}
