package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.WorkerPool;

/**
 * The reciprocals of the sums of magnitudes of each row and each column of a matrix, in double; 0
 * for a sum of 0. They are the same for any number of threads: a row is summed by four chains, of
 * columns 0, 4, 8, … and so on, added as (0 + 1) + (2 + 3); a column by chains of 128 rows each,
 * added in order.
 */
final class RiaSums {
  private static final int BLOCK_ROWS = 128;
  private static final int CHAINS = 4;

  private final double[] ofRows;
  private final double[] ofColumns;

  private RiaSums(double[] ofRows, double[] ofColumns) {
    this.ofRows = ofRows;
    this.ofColumns = ofColumns;
  }

  /**
   * Sums a matrix.
   *
   * @param weights with dense rows
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite
   */
  static RiaSums of(WeightMatrix weights, WorkerPool workers) {
    int columns = weights.columns();
    double[] ofRows = new double[weights.rows()];
    double[][] blocks = new double[Math.ceilDiv(weights.rows(), BLOCK_ROWS)][columns];
    MagnitudeRow[] rows = new MagnitudeRow[workers.count()];
    workers.runRanges(
        weights.rows(),
        BLOCK_ROWS,
        (worker, from, to) -> {
          if (rows[worker] == null) {
            rows[worker] = new MagnitudeRow(columns);
          }
          for (int row = from; row < to; row++) {
            float[] magnitudes = rows[worker].read(weights, row);
            ofRows[row] = reciprocal(sum(magnitudes));
            add(magnitudes, blocks[from / BLOCK_ROWS]);
          }
        });
    return new RiaSums(ofRows, reciprocalsOfSums(blocks, columns));
  }

  private static double sum(float[] magnitudes) {
    double first = 0;
    double second = 0;
    double third = 0;
    double fourth = 0;
    int whole = magnitudes.length / CHAINS * CHAINS;
    for (int c = 0; c < whole; c += CHAINS) {
      first += magnitudes[c];
      second += magnitudes[c + 1];
      third += magnitudes[c + 2];
      fourth += magnitudes[c + 3];
    }
    int rest = magnitudes.length - whole;
    first += rest > 0 ? magnitudes[whole] : 0;
    second += rest > 1 ? magnitudes[whole + 1] : 0;
    third += rest > 2 ? magnitudes[whole + 2] : 0;
    return (first + second) + (third + fourth);
  }

  private static void add(float[] magnitudes, double[] sums) {
    for (int c = 0; c < magnitudes.length; c++) {
      sums[c] += magnitudes[c];
    }
  }

  private static double[] reciprocalsOfSums(double[][] blocks, int columns) {
    double[] reciprocals = new double[columns];
    for (int c = 0; c < columns; c++) {
      double sum = 0;
      for (double[] block : blocks) {
        sum += block[c];
      }
      reciprocals[c] = reciprocal(sum);
    }
    return reciprocals;
  }

  private static double reciprocal(double sum) {
    return sum == 0 ? 0 : 1 / sum;
  }

  /** Returns one over the sum of a row's magnitudes. */
  double ofRow(int row) {
    return ofRows[row];
  }

  /** Returns one over the sum of each column's magnitudes; not to be changed. */
  double[] ofColumns() {
    return ofColumns;
  }
}
