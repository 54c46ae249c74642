package io.github.wandacuda.library;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.pruning.mask.FiniteWeights;
import io.github.wandacuda.pruning.mask.MagnitudeThreshold;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.TileSource.MatrixTiles;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.SharedWorkers;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/** One call under way: a matrix, tile by tile, on whichever threads come. */
final class MatrixRun {
  /** Less than this takes as long as waking a thread does. */
  private static final long ALONE_BYTES = 256 << 10;

  /** What a tile has at least, so that taking it doesn't show beside working on it. */
  private static final long FEWEST_BYTES = 64 << 10;

  /** Rows of whole cache lines in a matrix whose rows are interleaved. */
  private static final int INTERLEAVED_ROWS = 64;

  private static final SharedWorkers CALLER = new SharedWorkers(1, Runnable::run);

  private final MatrixRequest request;
  private final Selector selector;
  private final RowTiles tiles;
  private final WorkerPool workers;
  private long rowsDone;
  private long pruned;
  private long zeros;

  MatrixRun(MatrixRequest request, Backend backend, SharedWorkers all) {
    this.request = request;
    selector = backend.selector();
    WorkerPool some = request.isShared() ? all : CALLER;
    tiles = tiles(request, backend.tileBytes(), some.count());
    WorkerPool chosen = tiles.count() == 1 ? CALLER : some;
    workers =
        request.options().cancellation() == null
            ? chosen
            : new CancellableWorkers(chosen, request.options().cancellation());
  }

  private static RowTiles tiles(MatrixRequest request, long tileBytes, int workers) {
    WeightMatrix source = request.source();
    long rowBytes = Math.max(1, (long) source.columns() * source.dtype().bytes());
    if (source.rows() * rowBytes <= ALONE_BYTES) {
      return new RowTiles(source.rows(), Math.max(1, source.rows()));
    }
    RowTiles even = RowTiles.of(source.rows(), rowBytes, true, tileBytes, workers);
    int rows = (int) Math.max(even.tileRows(), Math.ceilDiv(FEWEST_BYTES, rowBytes));
    boolean dense =
        source.hasDenseRows()
            && (request.destination() == null || request.destination().hasDenseRows());
    return new RowTiles(
        source.rows(), dense ? rows : Math.ceilDiv(rows, INTERLEAVED_ROWS) * INTERLEAVED_ROWS);
  }

  PruneResult run() {
    WeightMatrix source = request.source();
    try {
      if (request.options().weightsChecked()) {
        workers.run(
            tiles.count(),
            (worker, tile) ->
                FiniteWeights.locate(
                    tiles.firstRow(tile), () -> FiniteCheck.require(rows(source, tile))));
      }
      try (SelectionPlan plan =
          selector.prepare(source.dtype(), source.columns(), request.scoring().norms(), rule())) {
        workers.run(tiles.count(), (worker, tile) -> prune(plan, tile));
      }
    } catch (CancelledException e) {
      CancellationException cancelled = new CancellationException(request.progress(rowsDone));
      cancelled.initCause(e);
      throw cancelled;
    }
    return new PruneResult(source.rows(), source.columns(), pruned, zeros);
  }

  private SelectionRule rule() {
    WeightMatrix source = request.source();
    MatrixTiles all = new MatrixTiles(source, tiles);
    MagnitudeThreshold threshold = new MagnitudeThreshold(selector, workers, all);
    return request.scoring().rule(source.columns(), source.elements(), threshold::at);
  }

  private void prune(SelectionPlan plan, int tile) {
    WeightMatrix source = rows(request.source(), tile);
    WeightMatrix destination = destination(source, tile);
    MemorySegment mask = mask(tile);
    FiniteWeights.locate(
        tiles.firstRow(tile), () -> count(plan.select(source, destination, mask), source.rows()));
  }

  private WeightMatrix destination(WeightMatrix source, int tile) {
    if (request.destination() == null) {
      return null;
    }
    return request.destination().equals(request.source())
        ? source
        : rows(request.destination(), tile);
  }

  private WeightMatrix rows(WeightMatrix matrix, int tile) {
    return tiles.count() == 1 ? matrix : matrix.rows(tiles.firstRow(tile), tiles.rowsOf(tile));
  }

  private MemorySegment mask(int tile) {
    if (request.mask() == null) {
      return null;
    }
    long rowBytes = Selector.maskRowBytes(request.source().columns());
    return request
        .mask()
        .bits()
        .asSlice(tiles.firstRow(tile) * rowBytes, tiles.rowsOf(tile) * rowBytes);
  }

  private void count(Selection selection, int rows) {
    long done;
    synchronized (this) {
      pruned += selection.pruned();
      zeros += selection.zeros();
      rowsDone += rows;
      done = rowsDone;
    }
    if (request.options().progress() != null) {
      request.options().progress().rowsDone(done, request.source().rows());
    }
  }

  /** Workers who ask before each task whether to go on. */
  private record CancellableWorkers(WorkerPool workers, BooleanSupplier isCancelled)
      implements WorkerPool {
    @Override
    public int count() {
      return workers.count();
    }

    @Override
    public void run(int tasks, Body body) {
      workers.run(
          tasks,
          (worker, task) -> {
            if (isCancelled.getAsBoolean()) {
              throw new CancelledException();
            }
            body.run(worker, task);
          });
    }
  }

  /**
   * Looks for weights that aren't finite: those whose exponent bits are all set. Several lie in a
   * word, and one more in the exponent's lowest place carries into the sign's bit of just those.
   */
  static final class FiniteCheck {
    private final WeightMatrix matrix;
    private final long exponents;
    private final long lowest;
    private final long signs;

    private FiniteCheck(WeightMatrix matrix) {
      this.matrix = matrix;
      int width = matrix.dtype().bytes() * Byte.SIZE;
      long ones = Long.divideUnsigned(-1, (1L << width) - 1);
      exponents = ones * matrix.dtype().bits(Float.POSITIVE_INFINITY);
      lowest = exponents & ~(exponents << 1);
      signs = ones << width - 1;
    }

    /**
     * Reads a whole matrix, and throws for the first weight, row by row, that is NaN or infinite.
     */
    static void require(WeightMatrix matrix) {
      if (matrix.elements() == 0 || new FiniteCheck(matrix).isFinite()) {
        return;
      }
      for (int row = 0; row < matrix.rows(); row++) {
        for (int column = 0; column < matrix.columns(); column++) {
          float value = matrix.get(row, column);
          if (!Float.isFinite(value)) {
            throw new NonFiniteWeightException(row, column, value);
          }
        }
      }
    }

    /** Returns whether all weights are finite, as far as words can be looked at. */
    private boolean isFinite() {
      if (matrix.columnStride() == 1) {
        return areFinite(matrix.rows(), matrix.rowStride(), matrix.columns());
      }
      return matrix.rowStride() == 1
          && areFinite(matrix.columns(), matrix.columnStride(), matrix.rows());
    }

    /** Looks at lines of consecutive elements. */
    private boolean areFinite(int lines, long stride, int length) {
      long bytes = (long) length * matrix.dtype().bytes();
      for (int line = 0; line < lines; line++) {
        long start = line * stride * matrix.dtype().bytes();
        if ((carries(matrix.data().asSlice(start, bytes)) & signs) != 0) {
          return false;
        }
      }
      return true;
    }

    private long carries(MemorySegment line) {
      long bytes = line.byteSize();
      long whole = bytes - bytes % Long.BYTES;
      long found = 0;
      for (long at = 0; at < whole; at += Long.BYTES) {
        found |= (line.get(LONG, at) & exponents) + lowest;
      }
      if (bytes > whole) {
        found |= (rest(line, whole) & exponents) + lowest;
      }
      return found;
    }

    private static long rest(MemorySegment line, long from) {
      long word = 0;
      for (long at = from; at < line.byteSize(); at++) {
        word |= (line.get(ValueLayout.JAVA_BYTE, at) & 0xffL) << ((at - from) * Byte.SIZE);
      }
      return word;
    }
  }
}
