package io.github.wandacuda.pruning.fit;

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
 * needed. Of both the upper half is held, row by row from the diagonal on.
 */
final class ColumnElimination {
  /** After how many columns both matrices are brought up to date. */
  private static final int PENDING = 32;

  /** How many rows a worker takes at a time. */
  private static final int ROWS = 16;

  private final double[][] inverse;
  private final double[][] products;

  /** The diagonal of K, always up to date. */
  private final double[] pivots;

  /** The diagonal of P, always up to date. */
  private final double[] squares;

  private final WorkerPool workers;

  /** Columns that went since both matrices were up to date. */
  private final List<Step> pending = new ArrayList<>();

  /**
   * A column that went.
   *
   * @param row K_j
   * @param pivot K_jj
   * @param correction b
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  private record Step(double[] row, double pivot, double[] correction) {}

  /**
   * Begins with all columns.
   *
   * @param inverse the upper half of K, row by row from the diagonal on; changed
   * @param products that of P; changed
   */
  ColumnElimination(double[][] inverse, double[][] products, WorkerPool workers) {
    this.inverse = inverse;
    this.products = products;
    this.workers = workers;
    pivots = IntStream.range(0, inverse.length).mapToDouble(i -> inverse[i][0]).toArray();
    squares = IntStream.range(0, inverse.length).mapToDouble(i -> products[i][0]).toArray();
  }

  /**
   * Removes groups of neighbouring columns, of equal costs the first.
   *
   * @param width columns of a group, a divisor of all
   * @param count how many groups go
   * @return their numbers in the order in which they went
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

  /**
   * Returns what a group costs: the sum of its columns' costs as they go one after the other.
   *
   * @param from its first column
   */
  private double cost(int from, int width) {
    if (width == 1) {
      return squares[from] / pivots[from];
    }
    flush();
    double[][] ownInverse = new double[width][];
    double[][] ownProducts = new double[width][];
    for (int row = 0; row < width; row++) {
      ownInverse[row] = Arrays.copyOf(inverse[from + row], width - row);
      ownProducts[row] = Arrays.copyOf(products[from + row], width - row);
    }
    ColumnElimination own = new ColumnElimination(ownInverse, ownProducts, workers);
    double cost = 0;
    for (int column = 0; column < width; column++) {
      cost += own.squares[column] / own.pivots[column];
      own.eliminate(column);
    }
    return cost;
  }

  /** Removes a column: keeps both diagonals up to date, and leaves the rest pending. */
  private void eliminate(int column) {
    double[] row = row(inverse, column);
    double[] correction = row(products, column);
    Terms terms = new Terms(pending.size());
    terms.ofInverse(pending, column);
    terms.subtractFrom(row, 0);
    terms.ofProducts(pending, column);
    terms.subtractFrom(correction, 0);
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

  /** Brings all rows of both matrices up to date. */
  private void flush() {
    if (pending.isEmpty()) {
      return;
    }
    workers.runRanges(
        inverse.length,
        ROWS,
        (worker, from, to) -> {
          Terms terms = new Terms(pending.size());
          for (int i = from; i < to; i++) {
            terms.ofInverse(pending, i);
            terms.subtractFrom(inverse[i], i);
            terms.ofProducts(pending, i);
            terms.subtractFrom(products[i], i);
          }
        });
    pending.clear();
  }

  /** Returns a whole row of a symmetric matrix of which there is the upper half. */
  private static double[] row(double[][] half, int index) {
    double[] row = new double[half.length];
    for (int i = 0; i < index; i++) {
      row[i] = half[i][index - i];
    }
    System.arraycopy(half[index], 0, row, index, row.length - index);
    return row;
  }

  /**
   * Vectors with factors, whose sum is subtracted from rows; four at a time, to read a row less
   * often.
   */
  private static final class Terms {
    private final double[][] vectors;
    private final double[] factors;
    private int count;

    Terms(int steps) {
      vectors = new double[2 * steps + 3][];
      factors = new double[vectors.length];
    }

    private void add(double[] vector, double factor) {
      vectors[count] = vector;
      factors[count] = factor;
      count++;
    }

    /** Takes the terms by which row {@code i} of K changes. */
    void ofInverse(List<Step> steps, int i) {
      count = 0;
      steps.forEach(step -> add(step.row, step.row[i] / step.pivot));
    }

    /** Takes the terms by which row {@code i} of P changes. */
    void ofProducts(List<Step> steps, int i) {
      count = 0;
      for (Step step : steps) {
        add(step.row, step.correction[i]);
        add(step.correction, step.row[i]);
      }
    }

    /** Subtracts the sum from a row that begins with the sum's element {@code first}. */
    void subtractFrom(double[] row, int first) {
      for (int at = 0; at < count; at += 4) {
        for (int rest = count; rest < at + 4; rest++) {
          vectors[rest] = vectors[at];
          factors[rest] = 0;
        }
        subtract(row, first, at);
      }
    }

    private void subtract(double[] row, int first, int at) {
      double[] a = vectors[at];
      double[] b = vectors[at + 1];
      double[] c = vectors[at + 2];
      double[] d = vectors[at + 3];
      double ofA = factors[at];
      double ofB = factors[at + 1];
      double ofC = factors[at + 2];
      double ofD = factors[at + 3];
      for (int i = 0; i < row.length; i++) {
        row[i] -=
            ofA * a[first + i] + ofB * b[first + i] + (ofC * c[first + i] + ofD * d[first + i]);
      }
    }
  }
}
