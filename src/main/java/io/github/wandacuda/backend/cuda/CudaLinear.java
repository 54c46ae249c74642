package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceCodes;
import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;
import io.github.wandacuda.forward.Precision;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Launches linear layers. Weights of 16 bits are multiplied on tensor cores in F16, by cuBLAS if it
 * is present, else by {@code linear_tensor.cu}; activations are split into two halves, so that
 * little precision is lost, or rounded to one for {@code linear_tensor_fast.cu}. Float32 weights
 * are multiplied in float32 by {@code linear_float.cu}, and weights of all types with up to four
 * tokens by {@code linear_rows.cu}, with the CPU's bits.
 */
final class CudaLinear implements AutoCloseable {
  /** The first architecture with asynchronous copies. */
  private static final int AMPERE = 80;

  private static final int THREADS = 256;

  /** Of a block that multiplies rounded activations. */
  private static final int FAST_THREADS = 128;

  private static final int TILE = 128;

  /** Tokens of a tile if there are few. */
  private static final int FEW = 32;

  /** Tokens that {@code linear_rows.cu} takes. */
  private static final int FEWEST = 4;

  /** Features of one of its blocks. */
  private static final int ROW_FEATURES = 16;

  /** Bytes of a row of a slice in shared memory. */
  private static final int SLICE_BYTES = 64;

  private final CudaQueue queue;
  private final CudaDevice device;
  private final Optional<CublasLinear> cublas;
  private final Split activations;

  /** Converts BF16 weights to F16. */
  private final Split weights;

  /**
   * Creates the launcher of a queue.
   *
   * @param queue where all kernels are queued
   * @param cublas multiplies matrices if it is present; closed with this
   * @param precision whether activations are split into two halves or rounded to one
   */
  CudaLinear(CudaQueue queue, Optional<CublasLinear> cublas, Precision precision) {
    this.queue = queue;
    this.device = queue.device();
    this.cublas = cublas;
    activations = new Split(precision.passes());
    weights = new Split(1);
  }

  void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    if (out.rows() <= FEWEST) {
      rows(x, w, bias, out);
      return;
    }
    if (w.dtype() == DType.F32) {
      floats(x, w, bias, out);
      return;
    }
    activations.forEachPart(
        x, tokens -> weights.forEachPart(w, features -> product(tokens, features, bias, out)));
  }

  private void product(Split.Part tokens, Split.Part features, DevicePointer bias, DeviceRows out) {
    DeviceRows result =
        out.rowRange(tokens.first(), tokens.high().rows())
            .columnRange(features.first(), features.high().rows());
    DevicePointer added = bias == null ? null : bias.plus((long) features.first() * Float.BYTES);
    cublas.ifPresentOrElse(
        library -> library(library, tokens, features, added, result),
        () -> tensors(tokens, features, added, result));
  }

  private void rows(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    String name = CudaFunction.name(out.rows() == 1 ? "linear_row" : "linear_rows", w.dtype());
    int blocks = Math.ceilDiv(out.columns(), ROW_FEATURES);
    launch(device.function("linear_rows", name), blocks, x, w, bias, out);
  }

  void codes(DeviceRows x, DeviceCodes w, DevicePointer bias, DeviceRows out) {
    String name = out.rows() == 1 ? "linear_codes_1" : "linear_codes_4";
    Grid grid = Grid.of(Math.ceilDiv(out.columns(), ROW_FEATURES));
    queue.launch(
        device.function("linear_codes", name),
        grid,
        THREADS,
        0,
        w.arguments(
            0, x.data(), bias, out.data(), out.stride(), out.rows(), out.columns(), x.columns()));
  }

  private void floats(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    CudaFunction function = device.function("linear_float", "linear_float");
    long blocks = Grid.tiles(out.rows(), TILE, out.columns(), TILE);
    launch(function, blocks, x, w, bias, out);
  }

  private void launch(
      CudaFunction function,
      long blocks,
      DeviceRows x,
      DeviceRows w,
      DevicePointer bias,
      DeviceRows out) {
    queue.launch(
        function,
        Grid.of(blocks),
        THREADS,
        0,
        x.data(),
        w.data(),
        w.stride(),
        bias,
        out.data(),
        out.stride(),
        out.rows(),
        out.columns(),
        x.columns());
  }

  private void tensors(Split.Part x, Split.Part w, DevicePointer bias, DeviceRows out) {
    boolean few = out.rows() <= 2 * FEW;
    int tile = few ? FEW : TILE;
    boolean fast = x.low() == null;
    String file = fast ? "linear_tensor_fast" : "linear_tensor";
    CudaFunction function = device.function(file, few ? file + "_few" : file);
    int stages = device.info().capability() >= AMPERE ? 3 : 2;
    int shared = stages * ((fast ? 1 : 2) * tile + TILE) * SLICE_BYTES;
    queue.launch(
        function,
        Grid.of(Grid.tiles(out.rows(), tile, out.columns(), TILE)),
        fast ? FAST_THREADS : THREADS,
        shared,
        x.high().data(),
        x.inverses(),
        w.high().data(),
        w.high().stride(),
        w.inverses(),
        bias,
        out.data(),
        out.stride(),
        out.rows(),
        out.columns(),
        w.high().columns(),
        x.padded());
  }

  private void library(
      CublasLinear library, Split.Part x, Split.Part w, DevicePointer bias, DeviceRows out) {
    library.multiply(x.high(), w.high(), false, out);
    if (x.low() != null) {
      library.multiply(x.low(), w.high(), true, out);
    }
    queue.launch(
        device.function("linear_epilogue", "linear_epilogue"),
        Grid.of(out.rows()),
        Grid.rowThreads(out.columns(), THREADS),
        0,
        out.data(),
        out.stride(),
        out.columns(),
        x.inverses(),
        w.inverses(),
        bias);
  }

  @Override
  public void close() {
    cublas.ifPresent(CublasLinear::close);
    activations.close();
    weights.close();
  }

  /**
   * Splits float32 activations into the sum of two F16 halves, which tensor cores multiply, or
   * rounds them to one half; and converts BF16 weights to F16: {@code
   * kernels/forward/linear_split.cu}. The memory of the halves is kept from one call to the next.
   */
  private final class Split implements AutoCloseable {
    private static final String FILE = "linear_split";

    /** Columns of a slice of {@code linear_tensor.cu}. */
    private static final int SLICE = 32;

    /** The most memory for halves; a matrix with more rows is split part by part. */
    private static final long MOST_BYTES = 256L << 20;

    /** With fewer rows in a part, tensor cores would wait for the other matrix. */
    private static final int FEWEST_ROWS = 128;

    private final GrowingBuffer halves = new GrowingBuffer(device, queue);
    private final GrowingBuffer inverses = new GrowingBuffer(device, queue);

    /** 2 if numbers are split into halves, 1 if they are rounded. */
    private final int parts;

    /** The most memory for halves, which is halved whenever the device lacks it. */
    private long mostBytes = MOST_BYTES;

    /**
     * Creates the launcher of the queue.
     *
     * @param parts 2, or 1 to round
     */
    Split(int parts) {
      this.parts = parts;
    }

    /**
     * Rows in F16. They last until the next part is split.
     *
     * @param first the first row's number in the matrix
     * @param high upper halves
     * @param low lower halves, behind the upper ones in the same rows of memory; null if there is
     *     one part
     * @param inverses float32 [rows], the factor of each row's products; null if all are 1
     */
    record Part(int first, DeviceRows high, DeviceRows low, DevicePointer inverses) {
      /** Returns the columns of a half with its padding, which is zero. */
      int padded() {
        return Math.toIntExact(low == null ? high.stride() : high.stride() / 2);
      }
    }

    /**
     * Splits a matrix and queues work on it, part by part. A matrix in F16 is one part and stays as
     * it is.
     *
     * @param work called in the rows' order
     * @throws DeviceMemoryException if the device lacks memory for {@link #FEWEST_ROWS} rows
     */
    void forEachPart(DeviceRows matrix, Consumer<Part> work) {
      if (matrix.dtype() == DType.F16) {
        work.accept(new Part(0, matrix, null, null));
        return;
      }
      int padded = Math.ceilDiv(matrix.columns(), SLICE) * SLICE;
      int rows = reserve(matrix.rows(), (long) parts * padded * Short.BYTES);
      for (int first = 0; first < matrix.rows(); first += rows) {
        int count = Math.min(rows, matrix.rows() - first);
        work.accept(split(matrix.rowRange(first, count), padded, first));
      }
    }

    /**
     * Allocates memory for halves of as many rows as fit.
     *
     * @param rowBytes bytes of a row's halves
     * @return how many rows fit
     */
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

    private Part split(DeviceRows rows, int padded, int first) {
      int width = parts * padded;
      DevicePointer place = halves.atLeast((long) rows.rows() * width * Short.BYTES);
      DevicePointer factors = inverses.atLeast((long) rows.rows() * Float.BYTES);
      queue.launch(
          device.function(FILE, CudaFunction.name(FILE, rows.dtype())),
          Grid.of(rows.rows()),
          Grid.rowThreads(padded, THREADS),
          0,
          rows.data(),
          rows.stride(),
          rows.columns(),
          place,
          padded,
          parts,
          factors);
      DeviceRows all = new DeviceRows(place, DType.F16, rows.rows(), width, width);
      DeviceRows low = parts == 1 ? null : all.columnRange(padded, rows.columns());
      return new Part(first, all.columnRange(0, rows.columns()), low, factors);
    }

    @Override
    public void close() {
      halves.close();
      inverses.close();
    }
  }
}
