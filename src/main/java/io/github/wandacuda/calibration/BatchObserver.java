package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.InputObserver;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Sums the squares of a block's inputs while batches run through it, each batch by itself. */
final class BatchObserver implements InputObserver, AutoCloseable {
  private final Operations operations;

  /** What the batch has reached. */
  private final Map<List<String>, ColumnSquares> reached = new LinkedHashMap<>();

  /** Sums that are zero, for the next inputs of so many columns. */
  private final Map<Integer, Deque<ColumnSquares>> unused = new HashMap<>();

  BatchObserver(Operations operations) {
    this.operations = operations;
  }

  @Override
  public void input(List<String> modules, Tensor input) {
    reached.computeIfAbsent(modules, first -> zeros(input.columns())).add(input);
  }

  private ColumnSquares zeros(int columns) {
    ColumnSquares some = unused(columns).poll();
    return some == null ? operations.columnSquares(columns) : some;
  }

  private Deque<ColumnSquares> unused(int columns) {
    return unused.computeIfAbsent(columns, first -> new ArrayDeque<>());
  }

  /** Returns the sums of what ran since the last call, and begins again at zero. */
  BatchSquares take() {
    Map<List<String>, double[]> sums = new LinkedHashMap<>();
    reached.forEach(
        (modules, squares) -> {
          double[] columns = squares.sums();
          sums.put(modules, columns);
          squares.clear();
          unused(columns.length).add(squares);
        });
    reached.clear();
    return new BatchSquares(sums);
  }

  @Override
  public void close() {
    reached.values().forEach(ColumnSquares::close);
    unused.values().forEach(all -> all.forEach(ColumnSquares::close));
  }
}
