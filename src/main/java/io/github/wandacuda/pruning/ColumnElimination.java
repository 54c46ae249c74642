package io.github.wandacuda.pruning;

import io.github.wandacuda.system.WorkerPool;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Backward elimination of a linear layer's input columns: again and again the columns go that cost
 * least if the weights of all others are fitted to what they leave (optimal brain surgeon, Hassibi
 * and Stork 1993, for a column of all rows instead of one weight). With K the inverse of the
 * inputs' dampened second moments and W the weights, the cost of column j is {@code |W_j|^2 /
 * K_jj}; without it, {@code W -= W_j K_j / K_jj} and {@code K -= K_j^T K_j / K_jj}.
 *
 * <p>W is only needed as {@code P = W^T W}, which changes by {@code b K_j + K_j^T b^T} with {@code
 * b = (P_j - P_jj K_j / (2 K_jj)) / K_jj}. Both matrices are read and written once for {@value
 * #PENDING} columns: in between only their diagonals are kept up to date, and a row is when it is
 * needed.
 */
final class ColumnElimination {
  private static final int PENDING = 32;
  private static final int ROWS = 16;

  private final double[][] inverse;
  private final double[][] products;
  private final double[] pivots;
  private final double[] squares;
  private final WorkerPool workers;
  private final List<Step> pending = new ArrayList<>();

  /** A column that went: K_j, K_jj, and b. */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  private record Step(double[] row, double pivot, double[] correction) {}

  /**
   * Prepares.
   *
   * @param inverse K, both halves; changed
   * @param products P, both halves; changed
   */
  ColumnElimination(double[][] inverse, double[][] products, WorkerPool workers) {
    this.inverse = inverse;
    this.products = products;
    this.workers = workers;
    pivots = IntStream.range(0, inverse.length).mapToDouble(i -> inverse[i][i]).toArray();
    squares = IntStream.range(0, inverse.length).mapToDouble(i -> products[i][i]).toArray();
  }

  /**
   * Removes groups of neighbouring columns; of equal costs the first.
   *
   * @param width columns of a group
   * @param count how many groups go
   * @return the groups that go, in the order in which they went
   */
  List<Integer> remove(int width, int count) {
    List<Integer> left = new ArrayList<>();
    IntStream.range(0, pivots.length / width).forEach(left::add);
    List<Integer> gone = new ArrayList<>();
    while (gone.size() < count) {
      int best = -1;
      double least = Double.POSITIVE_INFINITY;
      for (int at = 0; at < left.size(); at++) {
        double cost = cost(left.get(at) * width, width);
        if (best < 0 || cost < least) {
          best = at;
          least = cost;
        }
      }
      int group = left.remove(best);
      for (int column = group * width; column < (group + 1) * width; column++) {
        eliminate(column);
      }
      gone.add(group);
    }
    return gone;
  }

  /** Returns what a group costs: the sum of its columns' costs, one after the other. */
  private double cost(int from, int width) {
    if (width == 1) {
      return squares[from] / pivots[from];
    }
    flush();
    double[][] ownInverse = new double[width][];
    double[][] ownProducts = new double[width][];
    for (int row = 0; row < width; row++) {
      ownInverse[row] = Arrays.copyOfRange(inverse[from + row], from, from + width);
      ownProducts[row] = Arrays.copyOfRange(products[from + row], from, from + width);
    }
    ColumnElimination own = new ColumnElimination(ownInverse, ownProducts, workers);
    double cost = 0;
    for (int column = 0; column < width; column++) {
      cost += own.squares[column] / own.pivots[column];
      own.eliminate(column);
    }
    return cost;
  }

  private void eliminate(int column) {
    double[] row = inverse[column].clone();
    double[] correction = products[column].clone();
    for (Step step : pending) {
      subtract(row, step.row, step.row[column] / step.pivot);
      subtract(correction, step.row, step.correction[column]);
      subtract(correction, step.correction, step.row[column]);
    }
    double pivot = row[column];
    double half = correction[column] / (2 * pivot);
    for (int i = 0; i < row.length; i++) {
      correction[i] = (correction[i] - half * row[i]) / pivot;
      pivots[i] -= row[i] * row[i] / pivot;
      squares[i] -= 2 * correction[i] * row[i];
    }
    pending.add(new Step(row, pivot, correction));
    if (pending.size() == PENDING) {
      flush();
    }
  }

  /** Brings all rows up to date. */
  private void flush() {
    if (pending.isEmpty()) {
      return;
    }
    workers.runRanges(
        inverse.length,
        ROWS,
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            for (Step step : pending) {
              subtract(inverse[i], step.row, step.row[i] / step.pivot);
              subtract(products[i], step.row, step.correction[i]);
              subtract(products[i], step.correction, step.row[i]);
            }
          }
        });
    pending.clear();
  }

  private static void subtract(double[] from, double[] values, double factor) {
    for (int i = 0; i < from.length; i++) {
      from[i] -= factor * values[i];
    }
  }
}
