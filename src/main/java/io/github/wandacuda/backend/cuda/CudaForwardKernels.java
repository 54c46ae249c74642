package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;
import io.github.wandacuda.backend.gpu.RegularKernels;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.Precision;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Launches the kernels of the forward pass. Norms, attention, cross-entropy and linear layers on
 * tensor cores sum in another order than the CPU; all other results have the CPU's bits. A kernel
 * that takes more than a few lines to launch has a class of its name.
 */
final class CudaForwardKernels extends RegularKernels implements AutoCloseable {
  private static final int LOSS_THREADS = 512;

  /** Threads of a block that chooses experts; each token has half a warp. */
  private static final int ROUTE_THREADS = 128;

  private static final int ROUTED_TOKENS = 8;

  /** Threads and columns of a tile of second moments. */
  private static final int MOMENT_THREADS = 256;

  private static final int MOMENT_COLUMNS = 128;

  private final CudaQueue queue;
  private final CudaDevice device;
  private final CudaLaunches launches;
  private final CudaLinear linear;
  private final CudaLinearSparse sparse;
  private final CudaAttention attention;
  private final CudaColumnSquares squares;

  CudaForwardKernels(CudaQueue queue) {
    this(queue, CublasLinear.open(queue), queue.device().precision().orElseThrow());
  }

  /**
   * Queues kernels.
   *
   * @param cublas multiplies matrices of 16 bits if it is present; closed with this
   * @param precision of linear layers on tensor cores
   */
  public CudaForwardKernels(CudaQueue queue, Optional<CublasLinear> cublas, Precision precision) {
    this.queue = queue;
    device = queue.device();
    launches = new CudaLaunches(queue);
    linear = new CudaLinear(queue, cublas, precision);
    sparse = new CudaLinearSparse(queue);
    attention = new CudaAttention(queue);
    squares = new CudaColumnSquares(queue);
  }

  @Override
  protected void launch(Launch kernel) {
    launches.launch(kernel);
  }

  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    linear.linear(x, w, bias, out);
  }

  @Override
  public boolean multipliesSparse() {
    return true;
  }

  @Override
  public void sparse(DeviceRows x, DeviceSparse w, DevicePointer bias, DeviceRows out) {
    sparse.linear(x, w, bias, out);
  }

  @Override
  public void unpack(DeviceSparse w, DeviceRows out) {
    sparse.unpack(w, out);
  }

  @Override
  public void rotate(DeviceRows x, int headSize, DeviceRows cos, DeviceRows sin) {
    if (x.isEmpty()) {
      return;
    }
    launches.rows(
        device.function("rotate", "rotate_pairs"),
        x,
        x.data(),
        x.columns() / headSize,
        headSize,
        cos.columns(),
        cos.data(),
        sin.data(),
        cos.rows());
  }

  @Override
  public void attention(AttentionOperands<DeviceRows> operands) {
    attention.attention(operands);
  }

  @Override
  public void route(
      DeviceRows logits, int k, boolean renormalize, DevicePointer experts, DevicePointer weights) {
    if (logits.isEmpty()) {
      return;
    }
    queue.launch(
        device.function("route", "route"),
        Grid.of(Math.ceilDiv(logits.rows(), ROUTED_TOKENS)),
        ROUTE_THREADS,
        0,
        logits.data(),
        logits.rows(),
        logits.columns(),
        k,
        renormalize ? 1 : 0,
        experts,
        weights);
  }

  @Override
  public long columnSquaresBytes(int columns) {
    return (long) columns * Double.BYTES;
  }

  @Override
  public void columnSquares(DeviceRows x, DevicePointer state) {
    squares.add(x, state);
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    squares.write(state, columns, sums);
  }

  @Override
  public void secondMoments(DeviceRows x, DevicePointer state) {
    if (x.isEmpty()) {
      return;
    }
    queue.launch(
        device.function("second_moments", "second_moments"),
        Grid.of(Grid.tiles(x.columns(), MOMENT_COLUMNS, x.columns(), MOMENT_COLUMNS)),
        MOMENT_THREADS,
        0,
        x.data(),
        x.rows(),
        x.columns(),
        state);
  }

  @Override
  public double moment(MemorySegment sums, long index) {
    return sums.getAtIndex(ValueLayout.JAVA_DOUBLE, index);
  }

  @Override
  public void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses) {
    if (logits.isEmpty()) {
      return;
    }
    queue.launch(
        device.function("cross_entropy", "cross_entropy"),
        Grid.of(logits.rows()),
        Grid.rowThreads(logits.columns(), LOSS_THREADS),
        0,
        logits.data(),
        logits.columns(),
        targets,
        losses);
  }

  @Override
  public void close() {
    linear.close();
    attention.close();
    squares.close();
  }

  /** Queues kernels of the forward pass in one of three launch shapes. */
  private static final class CudaLaunches {
    private static final int THREADS = 256;

    /** Elements of a thread: one vector. */
    private static final int ELEMENTS = 4;

    /** Blocks for each multiprocessor, enough to keep its memory busy. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 32;

    /**
     * Shared memory for a row: the 48 KiB that every block has, minus more than the kernels need
     * beside a row.
     */
    private static final int ROW_BYTES = 47 << 10;

    private final CudaQueue queue;

    CudaLaunches(CudaQueue queue) {
      this.queue = queue;
    }

    /** Queues a kernel. */
    void launch(RegularKernels.Launch kernel) {
      DeviceRows over = kernel.over();
      CudaFunction function = queue.device().function(kernel.file(), kernel.function());
      switch (kernel.shape()) {
        case ELEMENTS -> elements(function, kernel.elements(), kernel.with(kernel.elements()));
        case COLUMNS -> rows(function, over, kernel.with(over.columns()));
        case ROWS -> cachedRows(function, over, kernel);
      }
    }

    /** Queues a kernel with a block for each row. */
    void rows(CudaFunction function, DeviceRows rows, Object... arguments) {
      queue.launch(
          function, Grid.of(rows.rows()), Grid.rowThreads(rows.columns(), THREADS), 0, arguments);
    }

    /**
     * Queues a kernel with a block for each row, which keeps the row in shared memory if it fits.
     * The kernel's last two arguments are the number of columns and whether rows fit.
     */
    private void cachedRows(CudaFunction function, DeviceRows rows, RegularKernels.Launch kernel) {
      long rowBytes = (long) rows.columns() * Float.BYTES;
      int cached = rowBytes <= ROW_BYTES ? 1 : 0;
      queue.launch(
          function,
          Grid.of(rows.rows()),
          Grid.rowThreads(rows.columns(), THREADS),
          cached * (int) rowBytes,
          kernel.with(rows.columns(), cached));
    }

    /** Queues a kernel that computes each element by itself. */
    private void elements(CudaFunction function, long count, Object... arguments) {
      long blocks = Math.ceilDiv(count, (long) THREADS * ELEMENTS);
      long most = (long) queue.device().info().multiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
      queue.launch(function, Grid.of(Math.min(blocks, most)), THREADS, 0, arguments);
    }
  }
}
