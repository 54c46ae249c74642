package io.github.wandacuda.backend.cpu;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.CheckedOperations;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.PackedWeight;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarRoute;
import io.github.wandacuda.system.NativeMemory;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * The forward half on the CPU: divides the work into tasks for threads; {@link CpuForwardKernels}
 * do the arithmetic. Results don't depend on the number of threads.
 *
 * @param kernels for these operations alone, since they may keep buffers
 * @param workers the threads, which stay the caller's to close
 */
public record CpuOperations(CpuForwardKernels kernels, WorkerPool workers) implements Operations {
  /** A task that reads each element once has so many: some microseconds of work. */
  private static final int ELEMENTS_PER_TASK = 1 << 15;

  /**
   * Creates the operations, with checks of their operands.
   *
   * @param kernels kernels for these operations alone, since they may keep buffers
   * @param workers the threads; closing them is up to the caller
   */
  public static Operations checked(CpuForwardKernels kernels, WorkerPool workers) {
    return new CheckedOperations(
        CpuTensor.class, CpuWeight.class, new CpuOperations(kernels, workers));
  }

  /** Returns a tensor of this backend, or null for none. */
  private static CpuTensor own(Tensor tensor) {
    return (CpuTensor) tensor;
  }

  @Override
  public CpuTensor tensor(int rows, int columns) {
    return CpuTensor.zeros(rows, columns);
  }

  @Override
  public void upload(MemorySegment source, Tensor to) {
    CpuTensor own = own(to);
    MemorySegment.copy(source, FLOAT, 0, own.data(), own.at(0), own.elements());
  }

  @Override
  public void download(Tensor from, MemorySegment destination) {
    CpuTensor own = own(from);
    MemorySegment.copy(own.data(), own.at(0), destination, FLOAT, 0, own.elements());
  }

  @Override
  public CpuWeight weight(RowReader matrix) {
    return new CpuWeight(matrix, null, null);
  }

  @Override
  public CpuWeight residentWeight(RowReader matrix) {
    return kernels
        .pack(matrix, workers)
        .map(packed -> new CpuWeight(null, packed, null))
        .orElseGet(() -> new CpuWeight(matrix, null, null));
  }

  @Override
  public boolean multipliesSparse(DType dtype) {
    return SparseMatrix.isFasterThanDense(dtype);
  }

  @Override
  public CpuWeight sparseWeight(SparseMatrix matrix) {
    return new CpuWeight(null, null, matrix);
  }

  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    if (!(((CpuWeight) table).matrix() instanceof WeightMatrix matrix)) {
      throw new IllegalArgumentException("a resident weight is for linear layers alone");
    }
    forRanges(out, (from, to) -> ScalarForward.embed(matrix, tokens, own(out), from, to));
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    forRanges(x, (from, to) -> kernels.rmsNorm(own(x), own(gain), epsilon, own(out), from, to));
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    forRanges(
        x,
        (from, to) -> kernels.layerNorm(own(x), own(gain), own(bias), epsilon, own(out), from, to));
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    CpuWeight weight = (CpuWeight) w;
    if (weight.sparse() != null) {
      SparseLinear.linear(own(x), weight.sparse(), own(bias), own(out), kernels, workers);
    } else if (weight.packed() != null) {
      kernels.linear(own(x), weight.packed(), own(bias), own(out), workers);
    } else {
      kernels.linear(own(x), weight.matrix(), own(bias), own(out), workers);
    }
  }

  @Override
  public void rotate(Tensor x, RotaryPairs pairs, Tensor cos, Tensor sin) {
    forRanges(x, (from, to) -> kernels.rotate(own(x), pairs, own(cos), own(sin), from, to));
  }

  @Override
  public void attention(AttentionOperands<Tensor> of) {
    kernels.attention(of.map(CpuOperations::own), workers);
  }

  @Override
  public void convolve(Tensor x, Tensor weights, int sequenceLength, Tensor out) {
    forRanges(
        out,
        (from, to) -> kernels.convolve(own(x), own(weights), sequenceLength, own(out), from, to));
  }

  @Override
  public void deltaRule(DeltaOperands<Tensor> of) {
    DeltaOperands<CpuTensor> operands = of.map(CpuOperations::own);
    workers.run(
        of.q().rows() / of.shape().sequenceLength() * of.shape().heads(),
        (worker, task) -> kernels.deltaRule(operands, task));
  }

  @Override
  public void elementwise(Elementwise operation, Tensor x, Tensor y, Tensor out) {
    CpuTensor second = own(operation.takesTwo() ? y : x);
    forRanges(x, (from, to) -> kernels.elementwise(operation, own(x), second, own(out), from, to));
  }

  @Override
  public void clear(Tensor x) {
    CpuTensor own = own(x);
    Arrays.fill(own.data(), own.at(0), own.at(own.rows()), 0f);
  }

  @Override
  public void gatherColumns(Tensor source, ColumnGroups groups, Tensor out) {
    forEachRow(out, row -> ScalarForward.gatherColumns(own(source), groups, own(out), row));
  }

  @Override
  public Routing route(Tensor logits, Tensor correction, RoutingRule rule) {
    int places = Math.multiplyExact(logits.rows(), rule.expertsPerToken());
    Routing routing = new Routing(rule.expertsPerToken(), new int[places], new float[places]);
    forEachRow(
        logits, token -> ScalarRoute.route(own(logits), own(correction), token, rule, routing));
    return routing;
  }

  @Override
  public void gatherRows(Tensor x, int[] rows, Tensor out) {
    CpuTensor from = own(x);
    CpuTensor to = own(out);
    forEachRow(
        out,
        i -> System.arraycopy(from.data(), from.at(rows[i]), to.data(), to.at(i), to.columns()));
  }

  @Override
  public void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
    forEachRow(x, i -> kernels.addRow(own(x), i, factors[i], own(out), rows[i]));
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    return new ColumnSums(kernels, workers, new double[columns]);
  }

  @Override
  public SecondMoments secondMoments(int columns) {
    return new CpuSecondMoments(kernels, workers, columns);
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    double[] losses = new double[targets.length];
    workers.run(
        losses.length,
        (worker, row) -> losses[row] = kernels.crossEntropy(own(logits), row, targets[row]));
    return losses;
  }

  /** Work on rows of a tensor. */
  private interface Rows {
    /**
     * Does the work.
     *
     * @param from the first row
     * @param to one past the last row
     */
    void run(int from, int to);
  }

  /** Divides a tensor's rows into tasks and waits for all of them. */
  private void forRanges(Tensor tensor, Rows work) {
    int rows = Math.max(1, ELEMENTS_PER_TASK / Math.max(1, tensor.columns()));
    workers.runRanges(tensor.rows(), rows, (worker, from, to) -> work.run(from, to));
  }

  /** Does work on each row of a tensor, in tasks of several rows, and waits for all of them. */
  private void forEachRow(Tensor tensor, IntConsumer work) {
    forRanges(
        tensor,
        (from, to) -> {
          for (int row = from; row < to; row++) {
            work.accept(row);
          }
        });
  }

  /** Column sums in doubles; each task takes a range of columns. */
  @SuppressWarnings("ArrayRecordComponent")
  private record ColumnSums(CpuForwardKernels kernels, WorkerPool workers, double[] sums)
      implements ColumnSquares {
    /**
     * Columns of the largest task: 8 KiB of a row, twice as much as the processor prefetches by
     * itself.
     */
    private static final int MOST_COLUMNS = 2048;

    /** Columns of the smallest task: 1 KiB of a row. */
    private static final int FEWEST_COLUMNS = 256;

    @Override
    public void add(Tensor x) {
      workers.runRanges(
          sums.length,
          columnsPerTask(),
          (worker, from, to) -> kernels.columnSquares(own(x), sums, from, to));
    }

    private int columnsPerTask() {
      int share = Math.ceilDiv(sums.length, workers.count());
      int whole = Math.ceilDiv(share, FEWEST_COLUMNS) * FEWEST_COLUMNS;
      return Math.clamp(whole, FEWEST_COLUMNS, MOST_COLUMNS);
    }

    @Override
    public double[] sums() {
      return sums.clone();
    }

    @Override
    public void clear() {
      Arrays.fill(sums, 0);
    }

    @Override
    public void close() {}
  }

  /**
   * A weight in one of three forms; the other two are null.
   *
   * @param matrix the weight in the caller's memory, which is read in place
   * @param packed a copy in the kernels' order, closed with this
   * @param sparse the weight without its zeros, which is read in place
   */
  public record CpuWeight(RowReader matrix, PackedWeight packed, SparseMatrix sparse)
      implements Weight {
    @Override
    public int rows() {
      if (sparse != null) {
        return sparse.rows();
      }
      return packed == null ? matrix.rows() : packed.rows();
    }

    @Override
    public int columns() {
      if (sparse != null) {
        return sparse.columns();
      }
      return packed == null ? matrix.columns() : packed.columns();
    }

    @Override
    public boolean ownsMemory() {
      return packed != null;
    }

    @Override
    public void close() {
      if (packed != null) {
        packed.close();
      }
    }
  }

  /**
   * Sums of products of columns as a packed triangle of doubles. It lies outside the Java heap,
   * since it takes 4 bytes times the square of the columns.
   */
  private static final class CpuSecondMoments implements SecondMoments {
    private static final long ALIGNMENT = 64;
    private static final int ROWS_PER_TASK = 64;

    private final CpuForwardKernels kernels;
    private final WorkerPool workers;
    private final int columns;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment sums;
    private boolean closed;

    CpuSecondMoments(CpuForwardKernels kernels, WorkerPool workers, int columns) {
      this.kernels = kernels;
      this.workers = workers;
      this.columns = columns;
      sums = arena.allocate(PackedTriangle.elements(columns) * Double.BYTES, ALIGNMENT);
    }

    @Override
    public void add(Tensor x) {
      kernels.secondMoments((CpuTensor) x, sums, workers);
    }

    @Override
    public void download(double divisor, MemorySegment triangle) {
      workers.runRanges(
          columns,
          ROWS_PER_TASK,
          (worker, from, to) -> {
            long end = PackedTriangle.rowStart(columns, to);
            for (long i = PackedTriangle.rowStart(columns, from); i < end; i++) {
              double sum = sums.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
              triangle.setAtIndex(FLOAT, i, (float) (sum / divisor));
            }
          });
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        arena.close();
      }
    }
  }

  /** Linear layers of packed weights. */
  private static final class SparseLinear {
    /** Tasks for each worker, so that all workers end at about the same time. */
    private static final int TASKS_PER_WORKER = 4;

    /** The fewest rows of weights of a task, since each task rearranges the activations once. */
    private static final int FEWEST_ROWS = 64;

    /** Rows that are unpacked at a time. */
    private static final int UNPACKED_ROWS = 32;

    private SparseLinear() {}

    /**
     * Multiplies activations by a packed weight. For more than {@link SparseMatrix#MOST_ROWS} rows
     * the weight is unpacked for the time of the call and multiplied as {@link
     * CpuForwardKernels#linear} says.
     *
     * @param bias [1, rows of the weight], or null for none
     */
    static void linear(
        CpuTensor x,
        SparseMatrix w,
        CpuTensor bias,
        CpuTensor out,
        CpuForwardKernels kernels,
        WorkerPool workers) {
      if (x.rows() > SparseMatrix.MOST_ROWS) {
        try (Arena arena = Arena.ofShared()) {
          WeightMatrix dense = NativeMemory.matrix(arena, w.dtype(), w.rows(), w.columns());
          workers.runRanges(
              w.rows(),
              UNPACKED_ROWS,
              (worker, from, to) -> w.unpack(from, dense.rows(from, to - from)));
          kernels.linear(x, dense, bias, out, workers);
        }
        return;
      }
      int share = Math.ceilDiv(w.rows(), workers.count() * TASKS_PER_WORKER);
      workers.runRanges(
          w.rows(),
          Math.max(FEWEST_ROWS, share),
          (worker, from, to) -> {
            w.multiply(x.data(), x.at(0), x.rows(), out.data(), out.at(0), from, to);
            for (int row = 0; row < out.rows(); row++) {
              out.addBias(row, bias, from, to - from);
            }
          });
    }
  }
}
