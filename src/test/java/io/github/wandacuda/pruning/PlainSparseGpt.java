package io.github.wandacuda.pruning;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.Sparsity.GroupPattern;
import io.github.wandacuda.Sparsity.Ratio;
import io.github.wandacuda.calibration.Gram;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * SparseGPT in double as its authors write it: an inverse, its Cholesky factor, one column after
 * the other over the whole matrix.
 */
final class PlainSparseGpt {
  final double[][] weights;
  final boolean[][] pruned;
  private final double[][] upper;
  private final int columns;

  PlainSparseGpt(float[][] dense, Gram gram, Sparsity sparsity) {
    columns = gram.columns();
    weights = new double[dense.length][columns];
    pruned = new boolean[dense.length][columns];
    for (int row = 0; row < dense.length; row++) {
      for (int c = 0; c < columns; c++) {
        weights[row][c] = dense[row][c];
      }
    }
    upper = choleskyTransposed(inverse(dampened(gram)));
    for (int c = 0; c < columns; c++) {
      if (sparsity instanceof Ratio ratio && c % 128 == 0) {
        chooseBlock(c, Math.min(columns, c + 128), ratio);
      } else if (sparsity instanceof GroupPattern pattern && c % pattern.size() == 0) {
        chooseGroups(c, pattern);
      }
      take(c);
    }
  }

  private static double[][] dampened(Gram gram) {
    double[][] h = new double[gram.columns()][gram.columns()];
    for (int i = 0; i < h.length; i++) {
      for (int j = 0; j < h.length; j++) {
        h[i][j] = gram.get(i, j) + (i == j ? .01 * Layers.meanDiagonal(gram) : 0);
      }
    }
    return h;
  }

  /** By Gauss and Jordan; a dampened matrix needs no pivoting. */
  private static double[][] inverse(double[][] a) {
    for (int p = 0; p < a.length; p++) {
      double pivot = a[p][p];
      a[p][p] = 1;
      for (int j = 0; j < a.length; j++) {
        a[p][j] /= pivot;
      }
      for (int i = 0; i < a.length; i++) {
        double factor = i == p ? 0 : a[i][p];
        a[i][p] = i == p ? a[i][p] : 0;
        for (int j = 0; j < a.length; j++) {
          a[i][j] -= factor * a[p][j];
        }
      }
    }
    return a;
  }

  private static double[][] choleskyTransposed(double[][] a) {
    double[][] upper = new double[a.length][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = i; j < a.length; j++) {
        double sum = a[i][j];
        for (int k = 0; k < i; k++) {
          sum -= upper[k][i] * upper[k][j];
        }
        upper[i][j] = i == j ? Math.sqrt(sum) : sum / upper[i][i];
      }
    }
    return upper;
  }

  private double score(int row, int column) {
    double share = weights[row][column] / upper[column][column];
    return share * share;
  }

  private void chooseBlock(int from, int to, Ratio ratio) {
    int count = weights.length * (to - from);
    double[] scores = new double[count];
    for (int i = 0; i < count; i++) {
      scores[i] = score(i / (to - from), from + i % (to - from));
    }
    Arrays.sort(scores);
    double threshold = scores[(int) (count * ratio.fraction())];
    for (int row = 0; row < weights.length; row++) {
      for (int c = from; c < to; c++) {
        pruned[row][c] = score(row, c) <= threshold;
      }
    }
  }

  private void chooseGroups(int from, GroupPattern pattern) {
    for (int r = 0; r < weights.length; r++) {
      int row = r;
      IntStream.range(from, from + pattern.size())
          .boxed()
          .sorted(Comparator.comparingDouble(c -> score(row, c)))
          .limit(pattern.pruned())
          .forEach(c -> pruned[row][c] = true);
    }
  }

  private void take(int column) {
    for (int row = 0; row < weights.length; row++) {
      if (pruned[row][column]) {
        double error = weights[row][column] / upper[column][column];
        for (int j = column + 1; j < columns; j++) {
          weights[row][j] -= error * upper[column][j];
        }
        weights[row][column] = 0;
      }
    }
  }
}
