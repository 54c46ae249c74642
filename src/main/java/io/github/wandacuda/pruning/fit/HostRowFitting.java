package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.forward.RowFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.RowArithmetic;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.function.IntConsumer;
import java.util.function.ObjIntConsumer;

/**
 * The work on rows in host memory, shared out to threads row by row. Products with G may be
 * computed elsewhere.
 */
final class HostRowFitting implements RowFitting {
  private final SquareGram gram;
  private final RowArithmetic arithmetic;
  private final int columns;

  /** {@code 1 / diag(G)}, 0 where that has 0. */
  private final double[] scales;

  /** {@code sqrt(diag(G))}. */
  private final double[] roots;

  /** What {@link MaskSwaps#reach} returns, computed when swaps without groups first need it. */
  private double[] reach;

  /** Of each row {@code g z} of the last step; 0 once the row has come to its end. */
  private final double[] squares;

  /** Of each row the error that reconstruction began with. */
  private final double[] errorsBefore;

  /**
   * A row of scratch for each worker, such as {@code 1 / diag(G)} on the kept columns and 0
   * elsewhere.
   */
  private final double[][] factors;

  /**
   * Prepares.
   *
   * @param rows how many a tensor has at most
   */
  HostRowFitting(SquareGram gram, int rows) {
    this.gram = gram;
    arithmetic = gram.arithmetic;
    columns = gram.columns();
    scales = new double[columns];
    roots = new double[columns];
    for (int column = 0; column < columns; column++) {
      double square = gram.get(column, column);
      scales[column] = square > 0 ? 1 / square : 0;
      roots[column] = Math.sqrt(square);
    }
    squares = new double[rows];
    errorsBefore = new double[rows];
    factors = new double[gram.workers.count()][columns];
  }

  private void each(Tensor of, IntConsumer work) {
    gram.workers.run(of.rows(), (worker, row) -> work.accept(row));
  }

  private void each(Tensor of, ObjIntConsumer<double[]> work) {
    gram.workers.run(of.rows(), (worker, row) -> work.accept(factors[worker], row));
  }

  @Override
  public void difference(Tensor x, Tensor y, Tensor out) {
    CpuTensor from = (CpuTensor) x;
    CpuTensor less = (CpuTensor) y;
    CpuTensor to = (CpuTensor) out;
    each(
        out,
        row -> {
          for (int k = 0; k < columns; k++) {
            to.data()[to.at(row) + k] =
                from.data()[from.at(row) + k] - less.data()[less.at(row) + k];
          }
        });
  }

  @Override
  public void part(Tensor w, Tensor kept, boolean ofKept, Tensor out) {
    CpuTensor from = (CpuTensor) w;
    CpuTensor marks = (CpuTensor) kept;
    CpuTensor to = (CpuTensor) out;
    each(
        out,
        row -> {
          for (int k = 0; k < columns; k++) {
            boolean is = marks.data()[marks.at(row) + k] != 0;
            to.data()[to.at(row) + k] = is == ofKept ? from.data()[from.at(row) + k] : 0;
          }
        });
  }

  @Override
  public double[] dots(Tensor x, Tensor y) {
    double[] dots = new double[x.rows()];
    each(x, row -> dots[row] = dot((CpuTensor) x, (CpuTensor) y, row));
    return dots;
  }

  private double dot(CpuTensor x, CpuTensor y, int row) {
    return arithmetic.dot(x.data(), x.at(row), y.data(), y.at(row), columns);
  }

  @Override
  public void swap(Tensor w, Tensor products, OptionalInt groupSize, int most, Tensor kept) {
    CpuTensor weights = (CpuTensor) w;
    CpuTensor marks = (CpuTensor) kept;
    CpuTensor c = (CpuTensor) products;
    float[] diagonal = gram.diagonal();
    if (reach == null && groupSize.isEmpty()) {
      reach = MaskSwaps.reach(gram, diagonal);
    }
    RowSwaps[] rows = new RowSwaps[factors.length];
    RowSwaps.Search[] searches = new RowSwaps.Search[factors.length];
    gram.workers.run(
        w.rows(),
        (worker, row) -> {
          if (rows[worker] == null) {
            rows[worker] = new RowSwaps(gram, diagonal);
            searches[worker] = MaskSwaps.search(gram, groupSize, reach);
          }
          RowSwaps swaps = rows[worker];
          int at = marks.at(row);
          System.arraycopy(weights.data(), weights.at(row), swaps.weights(), 0, columns);
          for (int k = 0; k < columns; k++) {
            swaps.kept()[k] = marks.data()[at + k] != 0;
          }
          if (swaps.improve(c.data(), c.at(row), most, searches[worker])) {
            for (int k = 0; k < columns; k++) {
              marks.data()[at + k] = swaps.kept()[k] ? 1 : 0;
            }
          }
        });
  }

  @Override
  public void begin(Tensor kept, Tensor g, Tensor p) {
    CpuTensor left = (CpuTensor) g;
    CpuTensor direction = (CpuTensor) p;
    each(
        kept,
        (own, row) -> {
          errorsBefore[row] = dot(direction, left, row);
          readFactors((CpuTensor) kept, row, own);
          squares[row] = arithmetic.weightedSquares(left.data(), left.at(row), own);
          int at = direction.at(row);
          Arrays.fill(direction.data(), at, at + columns, 0);
          turn(left, own, 0, direction, row);
        });
  }

  private void turn(CpuTensor g, double[] own, double beta, CpuTensor p, int row) {
    // Both are of a whole tile, so their rows begin at the same place.
    arithmetic.turn(g.data(), own, beta, p.data(), p.at(row));
  }

  @Override
  public void step(Tensor kept, Tensor products, Tensor x, Tensor g, Tensor p) {
    CpuTensor product = (CpuTensor) products;
    CpuTensor solution = (CpuTensor) x;
    CpuTensor left = (CpuTensor) g;
    CpuTensor direction = (CpuTensor) p;
    each(
        kept,
        (own, row) -> {
          double square = squares[row];
          if (square == 0) {
            return;
          }
          int at = direction.at(row);
          double curvature = dot(direction, product, row);
          if (!(curvature > 0)) {
            squares[row] = 0;
            Arrays.fill(direction.data(), at, at + columns, 0);
            return;
          }
          double alpha = square / curvature;
          addScaled(alpha, direction, solution, row);
          addScaled(-alpha, product, left, row);
          readFactors((CpuTensor) kept, row, own);
          squares[row] = arithmetic.weightedSquares(left.data(), left.at(row), own);
          turn(left, own, squares[row] / square, direction, row);
        });
  }

  private void addScaled(double factor, CpuTensor x, CpuTensor y, int row) {
    arithmetic.addScaled(factor, x.data(), x.at(row), y.data(), y.at(row), columns);
  }

  private void readFactors(CpuTensor kept, int row, double[] own) {
    for (int k = 0; k < columns; k++) {
      own[k] = kept.data()[kept.at(row) + k] != 0 ? scales[k] : 0;
    }
  }

  @Override
  public void end(Tensor w, Tensor start, Tensor g, Tensor x) {
    CpuTensor weights = (CpuTensor) w;
    CpuTensor from = (CpuTensor) start;
    CpuTensor left = (CpuTensor) g;
    CpuTensor solution = (CpuTensor) x;
    each(
        x,
        (own, row) -> {
          int at = solution.at(row);
          float[] difference = new float[columns];
          for (int k = 0; k < columns; k++) {
            difference[k] = weights.data()[weights.at(row) + k] - solution.data()[at + k];
          }
          double error = arithmetic.dot(difference, 0, left.data(), left.at(row), columns);
          if (!(error < Reconstruction.SURELY_LESS * errorsBefore[row])
              && !(change(weights, from, solution, row, own) < 0)) {
            System.arraycopy(from.data(), from.at(row), solution.data(), at, columns);
          }
        });
  }

  /** Returns the change of the error in float64: (e' - e) G (e' + e) for e' = w - x. */
  private double change(CpuTensor w, CpuTensor start, CpuTensor x, int row, double[] sum) {
    int at = x.at(row);
    for (int k = 0; k < columns; k++) {
      sum[k] = 2.0 * w.data()[w.at(row) + k] - x.data()[at + k] - start.data()[start.at(row) + k];
    }
    double change = 0;
    for (int k = 0; k < columns; k++) {
      double difference = (double) start.data()[start.at(row) + k] - x.data()[at + k];
      if (difference != 0) {
        change += difference * arithmetic.dot(gram.square(), gram.rowStart(k), sum);
      }
    }
    return change;
  }

  @Override
  public void scale(Tensor w, double unit, Tensor out) {
    CpuTensor from = (CpuTensor) w;
    CpuTensor to = (CpuTensor) out;
    each(
        out,
        row -> {
          for (int k = 0; k < columns; k++) {
            to.data()[to.at(row) + k] = (float) (from.data()[from.at(row) + k] * (roots[k] * unit));
          }
        });
  }

  @Override
  public void unscale(Tensor w, double unit, Tensor x) {
    CpuTensor weights = (CpuTensor) w;
    CpuTensor to = (CpuTensor) x;
    each(
        x,
        row -> {
          for (int k = 0; k < columns; k++) {
            int at = to.at(row) + k;
            to.data()[at] =
                roots[k] == 0
                    ? weights.data()[weights.at(row) + k]
                    : (float) (to.data()[at] / (roots[k] * unit));
          }
        });
  }

  @Override
  public void admmInput(Tensor w, Tensor kept, Tensor t, float fall, Tensor out) {
    CpuTensor weights = (CpuTensor) w;
    CpuTensor marks = (CpuTensor) kept;
    CpuTensor values = (CpuTensor) t;
    CpuTensor to = (CpuTensor) out;
    each(
        out,
        row -> {
          for (int k = 0; k < columns; k++) {
            float value = values.data()[values.at(row) + k];
            float target = marks.data()[marks.at(row) + k] != 0 ? value : -(value * fall);
            to.data()[to.at(row) + k] = target - weights.data()[weights.at(row) + k];
          }
        });
  }

  @Override
  public void admmUpdate(
      Tensor w, Tensor kept, Tensor products, float fall, float factor, Tensor t) {
    CpuTensor weights = (CpuTensor) w;
    CpuTensor marks = (CpuTensor) kept;
    CpuTensor product = (CpuTensor) products;
    CpuTensor values = (CpuTensor) t;
    each(
        t,
        row -> {
          for (int k = 0; k < columns; k++) {
            int at = values.at(row) + k;
            float dual = marks.data()[marks.at(row) + k] != 0 ? 0 : values.data()[at] * fall;
            values.data()[at] =
                weights.data()[weights.at(row) + k]
                    + factor * product.data()[product.at(row) + k]
                    + dual;
          }
        });
  }

  @Override
  public void close() {}
}
