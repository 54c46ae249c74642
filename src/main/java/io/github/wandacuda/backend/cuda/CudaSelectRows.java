package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import java.util.function.IntSupplier;

/**
 * The choice of the kernel that prunes the lowest scores of whole rows. A row is held in registers
 * if it fits, else in shared memory, else it is read from device memory in several passes.
 *
 * @param file the kernel's file, without the ending
 * @param kernel its name, without the type
 * @param threads threads of a block
 * @param blocks blocks that run on a multiprocessor at a time, between which the rows are divided
 *     since a row's threshold is guessed from that of the row before; 0 for a block for each row
 * @param bins bins of the histogram of the search
 * @param stagedBytes bytes of shared memory for the row, or 0 if it isn't staged
 */
record CudaSelectRows(
    String file, String kernel, int threads, int blocks, int bins, long stagedBytes) {
  private static final String LONG = "select_rows_long";
  private static final int WARP = 32;
  private static final int VECTOR_BYTES = 16;

  /** Weights of a thread, which also holds their keys or computes them again. */
  private static final int FEW_ITEMS = 16;

  /** The most weights of a thread. */
  private static final int MANY_ITEMS = 32;

  /**
   * Threads of a block in kernels that need more registers, so that two blocks fit on a
   * multiprocessor.
   */
  private static final int FEWER_THREADS = 448;

  private static final int MOST_THREADS = 512;

  /** Bins that each thread scans. */
  private static final int BINS_PER_THREAD = 8;

  private static final int MOST_BINS = 2048;

  /**
   * Chooses the kernel for the rows of a matrix.
   *
   * @param dynamicBytes the most bytes of dynamic shared memory of a block of the kernel for rows
   *     that registers don't hold
   */
  static CudaSelectRows of(DType dtype, int columns, IntSupplier dynamicBytes) {
    int threads = dtype == DType.F32 ? FEWER_THREADS : MOST_THREADS;
    if (columns <= FEW_ITEMS * threads) {
      return inRegisters("select_rows_16", columns, FEW_ITEMS, threads);
    }
    if (dtype != DType.F32 && columns <= MANY_ITEMS * FEWER_THREADS) {
      return inRegisters("select_rows_32", columns, MANY_ITEMS, FEWER_THREADS);
    }
    long rowBytes =
        Math.ceilDiv((long) columns * dtype.bytes(), (long) VECTOR_BYTES) * VECTOR_BYTES;
    int bins = bins(MOST_THREADS);
    boolean fits = bytes(bins) + rowBytes <= dynamicBytes.getAsInt();
    return new CudaSelectRows(LONG, LONG, MOST_THREADS, 0, bins, fits ? rowBytes : 0);
  }

  /** Chooses the kernel for the rows of a matrix on a device. */
  static CudaSelectRows of(DType dtype, int columns, CudaDevice device) {
    return of(
        dtype,
        columns,
        () ->
            device.info().sharedBytesPerBlock()
                - device.function(LONG, CudaFunction.name(LONG, dtype)).staticSharedBytes());
  }

  /** Chooses a kernel of which two blocks of {@code most} threads run on a multiprocessor. */
  private static CudaSelectRows inRegisters(String kernel, int columns, int items, int most) {
    int threads = Math.ceilDiv(Math.ceilDiv(columns, items), WARP) * WARP;
    int blocks = 2 * most / threads;
    return new CudaSelectRows("select_rows", kernel, threads, blocks, bins(threads), 0);
  }

  /** Returns the number of bins that whole warps of a block can scan, a power of two. */
  static int bins(int threads) {
    return Math.min(MOST_BINS, Integer.highestOneBit(threads) * BINS_PER_THREAD);
  }

  /** Returns the shared memory of a histogram, in bytes. */
  static int bytes(int bins) {
    return bins * Integer.BYTES;
  }

  /** Returns the dynamic shared memory of a block, in bytes. */
  int sharedBytes() {
    return Math.toIntExact(bytes(bins) + stagedBytes);
  }
}
