package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceCodes;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.RotaryPairs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Launches the kernels of the forward pass. Norms, attention, cross-entropy and linear layers on
 * tensor cores sum in another order than the CPU; all other results have the CPU's bits. A kernel
 * that takes more than a few lines to launch has a class of its name.
 */
final class CudaForwardKernels extends GpuForwardKernels {
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

  /** Features of a block that multiplies packed weights, each a warp's. */
  private static final int SPARSE_FEATURES = 8;

  private static final int LOSS_THREADS = 512;

  /** Threads of a block that chooses experts; each token has half a warp. */
  private static final int ROUTE_THREADS = 128;

  private static final int ROUTED_TOKENS = 8;

  /** Threads and columns of a tile of second moments. */
  private static final int MOMENT_THREADS = 256;

  private static final int MOMENT_COLUMNS = 128;

  private static final int WARP = 32;

  /** Threads of a row that sums in the order of 16 lanes. */
  private static final int LANES = 16;

  /** Tokens of a run of squares. */
  private static final int SQUARES_RUN = 32;

  /** The most runs whose sums are in memory at a time. */
  private static final int MOST_RUNS = 256;

  /** Few, so that few columns start many blocks. */
  private static final int SQUARES_WARPS = 2;

  /** Of a block of attention over whole sequences. */
  private static final int SEQUENCE_THREADS = 128;

  /** The most features of a head in its kernels; the last takes any, by blocks. */
  private static final int SMALL_HEAD = 64;

  private static final int MEDIUM_HEAD = 128;
  private static final int LARGE_HEAD = 256;

  private final CudaQueue queue;
  private final CudaDevice device;
  private final CudaLinear linear;

  CudaForwardKernels(CudaQueue queue) {
    this(queue, CublasLinear.open(queue), queue.device().precision().orElseThrow());
  }

  /**
   * Queues kernels.
   *
   * @param cublas multiplies matrices of 16 bits if it is present; closed with this
   */
  public CudaForwardKernels(CudaQueue queue, Optional<CublasLinear> cublas, Precision precision) {
    super(queue.device(), queue);
    this.queue = queue;
    device = queue.device();
    linear = new CudaLinear(queue, cublas, precision);
  }

  @Override
  protected void launch(Launch kernel) {
    DeviceRows over = kernel.over();
    CudaFunction function = device.function(kernel.file(), kernel.function());
    switch (kernel.shape()) {
      case ELEMENTS -> {
        long blocks = Math.ceilDiv(kernel.elements(), (long) THREADS * ELEMENTS);
        long most = (long) device.info().multiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
        Grid grid = Grid.of(Math.min(blocks, most));
        queue.launch(function, grid, THREADS, 0, kernel.with(kernel.elements()));
      }
      case COLUMNS -> rows(function, over, 0, kernel.with(over.columns()));
      case ROWS -> {
        long rowBytes = (long) over.columns() * Float.BYTES;
        int cached = rowBytes <= ROW_BYTES ? 1 : 0;
        rows(function, over, cached * (int) rowBytes, kernel.with(over.columns(), cached));
      }
      case LANES -> {
        Grid grid = Grid.of(Math.ceilDiv(over.rows(), THREADS / LANES));
        queue.launch(function, grid, THREADS, 0, kernel.with(over.rows(), over.columns()));
      }
      case BLOCKS -> rows(function, over, 0, kernel.with(over.columns()));
    }
  }

  /** Queues a kernel with a block for each row. */
  private void rows(CudaFunction function, DeviceRows rows, int shared, Object... arguments) {
    int threads = Grid.rowThreads(rows.columns(), THREADS);
    queue.launch(function, Grid.of(rows.rows()), threads, shared, arguments);
  }

  @Override
  protected void launchPacked(String kernel, int tokens, DeviceSparse w, Object... arguments) {
    String name = CudaFunction.name(tokens == 0 ? kernel : kernel + '_' + tokens, w.dtype());
    Grid grid = Grid.of(Math.ceilDiv(w.rows(), SPARSE_FEATURES));
    queue.launch(device.function("linear_sparse", name), grid, THREADS, 0, arguments);
  }

  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    linear.linear(x, w, bias, out);
  }

  @Override
  public void codes(DeviceRows x, DeviceCodes w, DevicePointer bias, DeviceRows out) {
    linear.codes(x, w, bias, out);
  }

  @Override
  public boolean multipliesSparse() {
    return true;
  }

  @Override
  public void rotate(DeviceRows x, RotaryPairs pairs, DeviceRows cos, DeviceRows sin) {
    rows(
        device.function("rotate", "rotate_pairs"),
        x,
        0,
        x.data(),
        x.columns() / pairs.headSize(),
        pairs.headSize(),
        pairs.first(),
        cos.columns(),
        pairs.interleaved() ? 1 : 0,
        cos.data(),
        sin.data(),
        cos.rows());
  }

  @Override
  protected void launchSequences(AttentionOperands<DeviceRows> operands, Object... arguments) {
    AttentionShape shape = operands.shape();
    int length = shape.sequenceLength();
    int size = shape.headSize();
    int features = size <= SMALL_HEAD ? SMALL_HEAD : size <= MEDIUM_HEAD ? MEDIUM_HEAD : LARGE_HEAD;
    int queries = features == LARGE_HEAD ? 32 : 64;
    long heads = (long) operands.q().rows() / length * shape.heads();
    String name = "attention_" + features;
    Grid grid =
        new Grid(
            Math.toIntExact(heads * Math.ceilDiv(length, queries)),
            Math.ceilDiv(size, features),
            1);
    queue.launch(device.function(name, name), grid, SEQUENCE_THREADS, 0, arguments);
  }

  @Override
  protected void launchPlaces(String kernel, int items, int places, Object... arguments) {
    Grid grid = items == 0 ? Grid.of(places) : new Grid(Math.ceilDiv(items, THREADS), places, 1);
    queue.launch(device.function("attention_rows", kernel), grid, THREADS, 0, arguments);
  }

  @Override
  protected void launchRoute(int tokens, Object... arguments) {
    Grid grid = Grid.of(Math.ceilDiv(tokens, ROUTED_TOKENS));
    queue.launch(device.function("route", "route"), grid, ROUTE_THREADS, 0, arguments);
  }

  @Override
  public long columnSquaresBytes(int columns) {
    return (long) columns * Double.BYTES;
  }

  /** The sums have the CPU's bits. */
  @Override
  public void columnSquares(DeviceRows x, DevicePointer state) {
    int most = MOST_RUNS * SQUARES_RUN;
    for (int first = 0; first < x.rows(); first += most) {
      addSquares(x.rowRange(first, Math.min(most, x.rows() - first)), state);
    }
  }

  private void addSquares(DeviceRows x, DevicePointer state) {
    int columns = x.columns();
    int runs = Math.ceilDiv(x.rows(), SQUARES_RUN);
    DevicePointer sums = squareSums.atLeast((long) runs * columns * Float.BYTES);
    queue.launch(
        device.function("column_squares", CudaFunction.name("column_squares_runs", x.dtype())),
        Grid.of(Grid.tiles(runs, SQUARES_WARPS, columns, WARP)),
        SQUARES_WARPS * WARP,
        0,
        x.data(),
        x.rows(),
        columns,
        x.stride(),
        sums);
    byColumn("column_squares_fold", columns, sums, runs, columns, state);
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    byColumn("column_sums", columns, state, columns, sums);
  }

  /** Launches a kernel of column squares with a thread for each column. */
  private void byColumn(String name, int columns, Object... arguments) {
    Grid grid = Grid.of(Math.ceilDiv(columns, WARP));
    queue.launch(device.function("column_squares", name), grid, WARP, 0, arguments);
  }

  @Override
  public void secondMoments(DeviceRows x, DevicePointer state) {
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
    super.close();
  }
}
