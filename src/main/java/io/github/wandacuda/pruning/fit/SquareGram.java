package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.forward.LayerFitting;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.RowFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * A Gram matrix with both its halves, in host memory and ready to be multiplied with on a backend.
 * Layers with the same input share one. For one thread at a time.
 */
public final class SquareGram implements AutoCloseable {
  private static final long CACHE_LINE = 64;

  /** Elements of a tile: 16 MiB for each of the buffers that a tile's work takes. */
  private static final int TILE_ELEMENTS = 1 << 22;

  /** Rows that a linear layer on the CPU takes at a time. */
  private static final int MOST_ROWS = 2048;

  private final Gram gram;
  private final Operations operations;
  public final WorkerPool workers;
  final RowArithmetic arithmetic;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment square;
  private final Weight weight;
  private final int tileRows;

  /** What works on rows. */
  private final RowFitting fitting;

  private final Optional<LayerFitting> device;

  /** Whether rows are worked on in host memory while products are computed elsewhere. */
  private final boolean apart;

  /**
   * Rows and their products where products are computed, if that is elsewhere and they were needed.
   */
  private List<Tensor> there = List.of();

  /**
   * Expands a Gram matrix.
   *
   * @param operations multiply with it
   * @param workers what else there is to do is shared out to them
   * @param gram is read later too, so its memory must outlive this
   */
  public SquareGram(Operations operations, WorkerPool workers, Gram gram) {
    this(operations, workers, gram, LayerwiseKernels.chosen().rows());
  }

  public SquareGram(
      Operations operations, WorkerPool workers, Gram gram, RowArithmetic arithmetic) {
    this.gram = gram;
    this.operations = operations;
    this.workers = workers;
    this.arithmetic = arithmetic;
    int columns = gram.columns();
    tileRows = Math.clamp(TILE_ELEMENTS / Math.max(1, columns), 1, MOST_ROWS);
    square = arena.allocate((long) columns * columns * Float.BYTES, CACHE_LINE);
    gram.copyTo(square, workers);
    weight = operations.weight(WeightMatrix.of(square, DType.F32, columns, columns));
    device = operations.rowFitting(weight);
    fitting = device.isPresent() ? device.get() : new HostRowFitting(this, tileRows);
    try (Tensor own = operations.tensor(0, columns)) {
      apart = device.isEmpty() && !(own instanceof CpuTensor);
    }
  }

  public Gram gram() {
    return gram;
  }

  public Operations operations() {
    return operations;
  }

  /** Returns what works on rows: on the device, or in host memory. */
  RowFitting fitting() {
    return fitting;
  }

  /** Returns what works on whole layers, if rows are worked on on a device. */
  Optional<LayerFitting> device() {
    return device;
  }

  /**
   * Returns tensors for {@link #fitting}: all of them, or none if there isn't room.
   *
   * @param rows of each
   * @param count how many tensors
   * @return for the caller to close
   * @throws io.github.wandacuda.error.BackendUnavailableException if the device has no room
   */
  List<Tensor> tensors(int rows, int count) {
    return apart
        ? all(count, () -> CpuTensor.zeros(rows, columns()))
        : all(count, () -> operations.tensor(rows, columns()));
  }

  private static List<Tensor> all(int count, Supplier<Tensor> one) {
    List<Tensor> tensors = new ArrayList<>();
    OnFailure.run(
        () -> tensors.forEach(Tensor::close),
        () -> IntStream.range(0, count).forEach(each -> tensors.add(one.get())));
    return tensors;
  }

  /** Copies rows to a tensor, as many as that has. */
  void upload(float[] rows, Tensor to) {
    operations.upload(MemorySegment.ofArray(rows), to);
  }

  /** Copies a tensor's rows. */
  void download(Tensor from, float[] rows) {
    operations.download(from, MemorySegment.ofArray(rows));
  }

  /**
   * Computes {@code products = rows * G} as a linear layer does.
   *
   * @param rows made by {@link #tensors}, as are the products; at most {@link #tileRows} where
   *     these are computed elsewhere
   */
  void multiply(Tensor rows, Tensor products) {
    if (!apart) {
      operations.linear(rows, weight, null, products);
      return;
    }
    if (there.isEmpty()) {
      there = all(2, () -> operations.tensor(tileRows, columns()));
    }
    Tensor from = there.getFirst().rows(0, rows.rows());
    Tensor to = there.getLast().rows(0, rows.rows());
    upload(((CpuTensor) rows).data(), from);
    operations.linear(from, weight, null, to);
    download(to, ((CpuTensor) products).data());
  }

  /** Returns how many rows a tile has. */
  int tileRows() {
    return tileRows;
  }

  /** Returns how many inputs the layer has. */
  public int columns() {
    return gram.columns();
  }

  /** Returns the second moment of each column, in a new array. */
  public float[] diagonal() {
    float[] diagonal = new float[columns()];
    for (int column = 0; column < diagonal.length; column++) {
      diagonal[column] = gram.get(column, column);
    }
    return diagonal;
  }

  /**
   * Checks that weights have as many columns as the inputs.
   *
   * @throws IllegalArgumentException if not
   */
  void require(WeightMatrix weights) {
    if (weights.columns() != columns()) {
      throw new IllegalArgumentException(
          "weights: expected %d columns as the Gram matrix, found %d"
              .formatted(columns(), weights.columns()));
    }
  }

  /**
   * Checks that a matrix has the shape of a layer's weights, and they as many columns as the
   * inputs.
   *
   * @param what the matrix is, for the message
   * @throws IllegalArgumentException if not
   */
  void require(WeightMatrix weights, String what, WeightMatrix matrix) {
    require(weights);
    if (matrix.rows() != weights.rows() || matrix.columns() != weights.columns()) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d, found %d x %d"
              .formatted(what, weights.rows(), weights.columns(), matrix.rows(), matrix.columns()));
    }
  }

  /** Returns the whole matrix, row by row, as little-endian floats; valid until this is closed. */
  MemorySegment square() {
    return square;
  }

  /** Returns where a row of {@link #square} begins, in elements. */
  long rowStart(int row) {
    return (long) row * columns();
  }

  float get(int row, int column) {
    return gram.get(row, column);
  }

  /**
   * Returns an element from {@link #square()}, which is faster than {@link #get} for many of one
   * row.
   */
  float square(int row, int column) {
    return square.getAtIndex(FLOAT, rowStart(row) + column);
  }

  @Override
  public void close() {
    fitting.close();
    there.forEach(Tensor::close);
    weight.close();
    arena.close();
  }
}
