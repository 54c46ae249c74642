package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;

/**
 * Splits float32 activations into the sum of two 16-bit halves, which tensor cores multiply, or
 * rounds them to one: {@code kernels/forward/linear_split.cu}. The memory for them is kept from one
 * call to the next.
 */
final class CudaLinearSplit implements AutoCloseable {
  private static final String FILE = "linear_split";
  private static final int THREADS = 256;

  /** Columns of a slice of {@code linear_tensor.cu}. */
  private static final int SLICE = 32;

  /** The most memory for halves; more rows are split in parts. */
  private static final long MOST_BYTES = 256L << 20;

  /** With fewer rows in a part, tensor cores would wait for weights. */
  private static final int FEWEST_ROWS = 128;

  private final CudaQueue queue;
  private final GrowingBuffer halves;
  private final GrowingBuffer inverses;

  /** How many there are of each activation. */
  private final int parts;

  /** Halved whenever the device lacks memory. */
  private long mostBytes = MOST_BYTES;

  /**
   * Creates the launcher of a queue.
   *
   * @param parts 2, or 1 to round
   */
  CudaLinearSplit(CudaQueue queue, int parts) {
    this.queue = queue;
    halves = new GrowingBuffer(queue.device(), queue);
    inverses = new GrowingBuffer(queue.device(), queue);
    this.parts = parts;
  }

  /**
   * Rows that were split.
   *
   * @param first the first row's number
   * @param high upper halves
   * @param low lower halves, in the same rows of memory, or null where there is one part
   * @param inverses float32 [rows], the factor of each row's products, or null for none
   */
  record Part(int first, DeviceRows high, DeviceRows low, DevicePointer inverses) {
    /** Returns the columns of a half with its padding, which is zero. */
    int padded() {
      return Math.toIntExact(low == null ? high.stride() : high.stride() / 2);
    }
  }

  /** Work on some rows. */
  @FunctionalInterface
  interface PartWork {
    /** Queues the work. */
    void run(Part part);
  }

  /**
   * Splits a matrix and queues work on it, part by part.
   *
   * @param type the halves' type, of 16 bits
   */
  void forEachPart(DeviceRows x, DType type, PartWork work) {
    int padded = Math.ceilDiv(x.columns(), SLICE) * SLICE;
    int rows = reserve(x.rows(), (long) parts * padded * type.bytes());
    for (int first = 0; first < x.rows(); first += rows) {
      int count = Math.min(rows, x.rows() - first);
      work.run(split(x.rowRange(first, count), type, padded, first));
    }
  }

  /** Allocates memory for as many rows as fit, and returns their number. */
  private int reserve(int rows, long rowBytes) {
    while (true) {
      long most = Math.max(FEWEST_ROWS, mostBytes / Math.max(1, rowBytes));
      int fitting = (int) Math.min(rows, most);
      try {
        halves.atLeast(fitting * rowBytes);
        inverses.atLeast((long) fitting * Float.BYTES);
        return fitting;
      } catch (DeviceMemoryException e) {
        if (fitting <= FEWEST_ROWS) {
          throw e;
        }
        mostBytes = fitting * rowBytes / 2;
      }
    }
  }

  private Part split(DeviceRows x, DType type, int padded, int first) {
    int width = parts * padded;
    long rowBytes = (long) width * type.bytes();
    DevicePointer place = halves.atLeast(x.rows() * rowBytes);
    DevicePointer scales =
        type == DType.F16 ? inverses.atLeast((long) x.rows() * Float.BYTES) : null;
    Grid grid = Grid.of(x.rows());
    int threads = Grid.rowThreads(padded, THREADS);
    if (scales == null) {
      CudaFunction function = queue.device().function(FILE, "linear_split_bf16");
      queue.launch(function, grid, threads, 0, x.data(), x.columns(), place, padded, parts);
    } else {
      CudaFunction function = queue.device().function(FILE, "linear_split_f16");
      queue.launch(function, grid, threads, 0, x.data(), x.columns(), place, padded, parts, scales);
    }
    DeviceRows all = new DeviceRows(place, type, x.rows(), width, width);
    DeviceRows low = parts == 1 ? null : all.columnRange(padded, x.columns());
    return new Part(first, all.columnRange(0, x.columns()), low, scales);
  }

  @Override
  public void close() {
    halves.close();
    inverses.close();
  }
}
