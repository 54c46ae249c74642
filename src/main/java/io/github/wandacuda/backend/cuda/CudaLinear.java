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
 * Launches linear layers. Weights of 16 bits are multiplied on tensor cores, by cuBLAS if it is
 * present, else by {@code linear_tensor.cu}; activations are split into two 16-bit halves, so that
 * little precision is lost, or rounded to one for {@code linear_tensor_fast.cu}. Float32 weights,
 * and BF16 weights on devices before Ampere, are multiplied in float32 by {@code linear_float.cu},
 * and weights of all types with up to four tokens by {@code linear_rows.cu}, with the CPU's bits.
 */
final class CudaLinear implements AutoCloseable {
  /** The first architecture with BF16 tensor cores and asynchronous copies. */
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
  private final CudaLinearSplit activations;

  /**
   * Creates the launcher of a queue.
   *
   * @param cublas multiplies matrices if it is present; closed with this
   */
  CudaLinear(CudaQueue queue, Optional<CublasLinear> cublas, Precision precision) {
    this.queue = queue;
    this.device = queue.device();
    this.cublas = cublas;
    activations = new CudaLinearSplit(precision.passes());
  }

  void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    if (out.rows() <= FEWEST) {
      rows(x, w, bias, out);
      return;
    }
    if (x.columns() == 0 || !hasTensorCores(w.dtype())) {
      floats(x, w, bias, out);
      return;
    }
    activations.forEachPart(
        x,
        w.dtype(),
        part -> {
          DeviceRows result = out.rowRange(part.first(), part.high().rows());
          cublas.ifPresentOrElse(
              library -> library(library, part, w, bias, result),
              () -> tensors(part, w, bias, result));
        });
  }

  private boolean hasTensorCores(DType dtype) {
    return switch (dtype) {
      case F32 -> false;
      case F16 -> true;
      case BF16 -> device.info().capability() >= AMPERE;
    };
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
    CudaFunction function =
        device.function("linear_float", CudaFunction.name("linear_float", w.dtype()));
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

  private void tensors(CudaLinearSplit.Part x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    boolean few = out.rows() <= 2 * FEW;
    int tile = few ? FEW : TILE;
    boolean fast = x.low() == null;
    String file = fast ? "linear_tensor_fast" : "linear_tensor";
    String name = CudaFunction.name(few ? file + "_few" : file, w.dtype());
    CudaFunction function = device.function(file, name);
    int stages = device.info().capability() >= AMPERE ? 3 : 2;
    int shared = stages * ((fast ? 1 : 2) * tile + TILE) * SLICE_BYTES;
    queue.launch(
        function,
        Grid.of(Grid.tiles(out.rows(), tile, out.columns(), TILE)),
        fast ? FAST_THREADS : THREADS,
        shared,
        x.high().data(),
        x.inverses(),
        w.data(),
        w.stride(),
        bias,
        out.data(),
        out.stride(),
        out.rows(),
        out.columns(),
        w.columns(),
        x.padded());
  }

  private void library(
      CublasLinear library,
      CudaLinearSplit.Part x,
      DeviceRows w,
      DevicePointer bias,
      DeviceRows out) {
    library.multiply(x.high(), w, false, out);
    if (x.low() != null) {
      library.multiply(x.low(), w, true, out);
    }
    if (x.inverses() == null && bias == null) {
      return;
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
        bias);
  }

  @Override
  public void close() {
    cublas.ifPresent(CublasLinear::close);
    activations.close();
  }

  /**
   * Splits float32 activations into the sum of two 16-bit halves, which tensor cores multiply, or
   * rounds them to one: {@code kernels/forward/linear_split.cu}. The memory for them is kept from
   * one call to the next.
   */
  private final class CudaLinearSplit implements AutoCloseable {
    private static final String FILE = "linear_split";

    /** Columns of a slice of {@code linear_tensor.cu}. */
    private static final int SLICE = 32;

    /** The most memory for halves; more rows are split in parts. */
    private static final long MOST_BYTES = 256L << 20;

    /** With fewer rows in a part, tensor cores would wait for weights. */
    private static final int FEWEST_ROWS = 128;

    private final GrowingBuffer halves = new GrowingBuffer(device, queue);
    private final GrowingBuffer inverses = new GrowingBuffer(device, queue);

    /** How many there are of each activation. */
    private final int parts;

    /** Halved whenever the device lacks memory. */
    private long mostBytes = MOST_BYTES;

    /**
     * Creates the launcher of the queue.
     *
     * @param parts 2, or 1 to round
     */
    CudaLinearSplit(int parts) {
      this.parts = parts;
    }

    /**
     * Rows that were split.
     *
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

    /**
     * Splits a matrix and queues work on it, part by part.
     *
     * @param type the halves' type, of 16 bits
     */
    void forEachPart(DeviceRows x, DType type, Consumer<Part> work) {
      int padded = Math.ceilDiv(x.columns(), SLICE) * SLICE;
      int rows = reserve(x.rows(), (long) parts * padded * type.bytes());
      for (int first = 0; first < x.rows(); first += rows) {
        int count = Math.min(rows, x.rows() - first);
        work.accept(split(x.rowRange(first, count), type, padded, first));
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
        CudaFunction function = device.function(FILE, "linear_split_bf16");
        queue.launch(function, grid, threads, 0, x.data(), x.columns(), place, padded, parts);
      } else {
        CudaFunction function = device.function(FILE, "linear_split_f16");
        queue.launch(
            function, grid, threads, 0, x.data(), x.columns(), place, padded, parts, scales);
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
}
