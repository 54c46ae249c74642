package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.InputObserver;
import java.io.Serializable;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The input norms of a block's linear modules, from the sums of all batches. Batches may come in
 * any order, but are added up in the order of their numbers: floating-point sums depend on the
 * order, and their bits must not depend on which device ran which batch.
 */
public final class InputNorms {
  final Map<List<String>, double[]> totals = new LinkedHashMap<>();

  private final Map<Integer, BatchSquares> early = new HashMap<>();
  private int next;

  /**
   * Takes a batch's sums, and holds them back until those of all earlier batches have come.
   *
   * @param batch the batch's number, from 0; each comes once
   */
  public synchronized void add(int batch, BatchSquares squares) {
    early.put(batch, squares);
    for (BatchSquares turn = early.remove(next); turn != null; turn = early.remove(next)) {
      turn.sums().forEach(this::add);
      next++;
    }
  }

  /** Adds a batch's sums to those of the batches before it. */
  private void add(List<String> modules, double[] sums) {
    double[] total = totals.computeIfAbsent(modules, first -> new double[sums.length]);
    for (int column = 0; column < total.length; column++) {
      total[column] += sums[column];
    }
  }

  /**
   * Returns the norms by module, once all batches have come. Modules that read the same input share
   * one array.
   *
   * @param inputFeatures the input features of each module; a module that no token reached, such as
   *     an expert, gets zeros
   * @param samples the number of samples, by which the sums of squares are divided
   * @throws InputException if a norm isn't finite
   */
  public synchronized Map<String, float[]> norms(Map<String, Integer> inputFeatures, int samples) {
    Map<String, float[]> norms = new HashMap<>();
    inputFeatures.forEach((module, features) -> norms.put(module, new float[features]));
    totals.forEach(
        (modules, sums) -> {
          float[] shared = BatchSquares.norms(modules.get(0), sums, samples);
          modules.forEach(module -> norms.put(module, shared));
        });
    return norms;
  }

  /**
   * The sums of the squares of a block's inputs over one batch.
   *
   * @param sums a sum for each input column, by the full names of the linear modules that read the
   *     columns; without modules that no token of the batch reached
   */
  public record BatchSquares(Map<List<String>, double[]> sums) implements Serializable {
    /** Copies the sums into a map that can be serialized. */
    public BatchSquares {
      sums = new LinkedHashMap<>(sums);
    }

    /**
     * Checks the sums of this batch.
     *
     * @throws InputException if a norm isn't finite
     */
    void requireFinite() {
      sums.forEach((modules, columns) -> norms(modules.get(0), columns, 1));
    }

    /**
     * Returns {@code sqrt(sum / samples)} for each column.
     *
     * @param module what reads the columns, for the message of a failure
     * @param sums of the squares, by column
     * @param samples by how many the sums are divided
     * @throws InputException if a norm isn't finite, which means that activations are too large
     */
    static float[] norms(String module, double[] sums, int samples) {
      float[] norms = new float[sums.length];
      for (int column = 0; column < norms.length; column++) {
        norms[column] = (float) Math.sqrt(sums[column] / samples);
        if (!Float.isFinite(norms[column])) {
          throw ErrorDetails.of("module " + Printable.of(module))
              .wrong(
                  "a finite norm of input column %d".formatted(column),
                  "%s: its activations are too large".formatted(norms[column]));
        }
      }
      return norms;
    }
  }

  /** Sums the squares of a block's inputs while batches run through it, each batch by itself. */
  static final class BatchObserver implements InputObserver, AutoCloseable {
    private final Operations operations;

    /** The sums of the inputs that this batch has reached, by the modules that read them. */
    private final Map<List<String>, ColumnSquares> reached = new LinkedHashMap<>();

    /**
     * Accumulators that are zero again, by their number of columns, for the inputs of the next
     * batch.
     */
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

    /** Returns the accumulators of so many columns that are free. */
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
}
