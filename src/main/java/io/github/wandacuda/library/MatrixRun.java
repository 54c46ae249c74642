package io.github.wandacuda.library;

import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.pruning.FiniteWeights;
import io.github.wandacuda.pruning.MagnitudeThreshold;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileSource.MatrixTiles;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.SharedWorkers;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
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

  private static final SharedWorkers CALLER = SharedWorkers.callerAlone();

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
    Scoring scoring = request.scoring();
    long elements = request.source().elements();
    if (!scoring.needsThreshold(elements)) {
      return scoring.rule(request.source().columns());
    }
    long index = ((Sparsity.Ratio) scoring.sparsity()).of(elements);
    MatrixTiles source = new MatrixTiles(request.source(), tiles);
    return new SelectionRule.AtMost(new MagnitudeThreshold(selector, workers, source).at(index));
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
}
