package io.github.wandacuda.pruning;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.RowArithmetic;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.ObjIntConsumer;

/**
 * Changes the kept weights of a pruned layer so that its outputs come nearer to what they were: ten
 * steps of conjugate gradients towards the least squares solution on the kept columns of each row
 * (as ALPS ends, arXiv 2406.07831, section 3.3), each column scaled by its second moment. Rows are
 * independent of each other, and none gets worse: one whose error didn't become less stays as it
 * was.
 */
public final class Reconstruction {
  /** Steps of conjugate gradients from weights as they are. */
  static final int STEPS = 10;

  /**
   * An error that became this part of what it was is known to be less, whatever the rounding of
   * float32 products; one that is nearer is computed in float64.
   */
  private static final double SURELY_LESS = 0.99;

  private final SquareGram gram;
  private final RowArithmetic arithmetic;
  private final int columns;
  private final double[] scales;
  private final int steps;

  /** Prepares for layers with one input, whose second moments must stay open. */
  public Reconstruction(SquareGram gram) {
    this(gram, STEPS);
  }

  Reconstruction(SquareGram gram, int steps) {
    this.gram = gram;
    this.steps = steps;
    arithmetic = gram.arithmetic;
    columns = gram.columns();
    scales = new double[columns];
    for (int column = 0; column < columns; column++) {
      double square = gram.get(column, column);
      scales[column] = square > 0 ? 1 / square : 0;
    }
  }

  /**
   * Reconstructs a layer.
   *
   * @param weights [rows, columns], dense
   * @param mask [rows, ceil(columns / 8)] bytes, the least significant bit first, 1 for a kept
   *     weight
   * @param result [rows, columns] of F32 with rows side by side: the kept weights to start from,
   *     and the solution; pruned ones become +0.0 whatever they were
   * @throws IllegalArgumentException if sizes don't agree or the result can't be written
   */
  public void solve(WeightMatrix weights, MemorySegment mask, WeightMatrix result) {
    gram.require(weights, "result", result);
    PackedMasks.require(mask, weights.rows(), weights.columns());
    if (result.dtype() != DType.F32 || !result.hasDenseRows() || result.data().isReadOnly()) {
      throw new IllegalArgumentException(
          "result: expected F32 in dense rows that can be written, found " + result);
    }
    try (SquareGram.Product product = gram.product(weights.rows())) {
      Tile tile = new Tile(product);
      for (int from = 0; from < weights.rows(); from += product.rows()) {
        int count = Math.min(product.rows(), weights.rows() - from);
        tile.solve(weights, mask, result, from, count);
      }
    }
  }

  /**
   * Some rows on their way through conjugate gradients, together, so that each step's products with
   * G are one matrix product. For a row with weights w, x is the solution so far, {@code g = (w -
   * x) G} what is left, p the direction of the step: float32 vectors, whose sums are float64.
   *
   * <pre>{@code
   * z = g / diag(G) on the kept columns, 0 elsewhere
   * alpha = (g z) / (p G p),   x += alpha p,   g -= alpha p G
   * beta = (g z) / (its value before),   p = z + beta p
   * }</pre>
   */
  private final class Tile {
    private final SquareGram.Product product;
    private final float[] x;
    private final float[] g;
    private final float[] p;
    private final float[] products;

    /** Of each row {@code g z}, 0 once it has come to its end. */
    private final double[] squares;

    private final double[] errorsBefore;
    private final Scratch[] scratches;

    private final class Scratch {
      final float[] weights = new float[columns];
      final float[] start = new float[columns];
      final boolean[] kept = new boolean[columns];
      final double[] factors = new double[columns];
    }

    Tile(SquareGram.Product product) {
      this.product = product;
      int rows = product.rows();
      x = new float[rows * columns];
      g = new float[rows * columns];
      p = new float[rows * columns];
      products = new float[rows * columns];
      squares = new double[rows];
      errorsBefore = new double[rows];
      scratches = new Scratch[gram.workers.count()];
    }

    /** Solves rows from {@code from} on. */
    void solve(WeightMatrix weights, MemorySegment mask, WeightMatrix result, int from, int count) {
      each(count, (scratch, row) -> read(weights, mask, result, from, row, scratch));
      product.multiply(p, count, products);
      each(count, (scratch, row) -> begin(mask, from, row, scratch));
      for (int step = 0; step < steps && anyGoesOn(count); step++) {
        product.multiply(p, count, products);
        each(count, (scratch, row) -> step(mask, from, row, scratch));
      }
      each(count, (scratch, row) -> end(weights, result, from, row, scratch));
    }

    private void each(int count, ObjIntConsumer<Scratch> work) {
      gram.workers.run(
          count,
          (worker, row) -> {
            if (scratches[worker] == null) {
              scratches[worker] = new Scratch();
            }
            work.accept(scratches[worker], row);
          });
    }

    private boolean anyGoesOn(int count) {
      for (int row = 0; row < count; row++) {
        if (squares[row] != 0) {
          return true;
        }
      }
      return false;
    }

    /** Clears what is pruned in the result, and sets x to the result and p to w - x. */
    private void read(
        WeightMatrix weights,
        MemorySegment mask,
        WeightMatrix result,
        int from,
        int row,
        Scratch scratch) {
      int at = row * columns;
      weights.read(from + row, 0, columns, scratch.weights, 0);
      result.read(from + row, 0, columns, x, at);
      PackedMasks.read(mask, from + row, scratch.kept);
      for (int k = 0; k < columns; k++) {
        if (!scratch.kept[k]) {
          x[at + k] = 0;
        }
        p[at + k] = scratch.weights[k] - x[at + k];
      }
      write(result, from, row);
    }

    private void begin(MemorySegment mask, int from, int row, Scratch scratch) {
      int at = row * columns;
      errorsBefore[row] = arithmetic.dot(p, at, products, at, columns);
      System.arraycopy(products, at, g, at, columns);
      Arrays.fill(p, at, at + columns, 0);
      double[] factors = factors(mask, from + row, scratch);
      squares[row] = arithmetic.weightedSquares(g, at, factors);
      arithmetic.turn(g, factors, 0, p, at);
    }

    private void step(MemorySegment mask, int from, int row, Scratch scratch) {
      int at = row * columns;
      double curvature = arithmetic.dot(p, at, products, at, columns);
      if (squares[row] == 0) {
        return;
      }
      if (!(curvature > 0)) {
        squares[row] = 0;
        Arrays.fill(p, at, at + columns, 0);
        return;
      }
      double alpha = squares[row] / curvature;
      arithmetic.addScaled(alpha, p, at, x, at, columns);
      arithmetic.addScaled(-alpha, products, at, g, at, columns);
      double[] factors = factors(mask, from + row, scratch);
      double next = arithmetic.weightedSquares(g, at, factors);
      arithmetic.turn(g, factors, next / squares[row], p, at);
      squares[row] = next;
    }

    /** Returns 1 / diag(G) on the kept columns, 0 elsewhere. */
    private double[] factors(MemorySegment mask, int row, Scratch scratch) {
      PackedMasks.read(mask, row, scratch.kept);
      for (int k = 0; k < columns; k++) {
        scratch.factors[k] = scratch.kept[k] ? scales[k] : 0;
      }
      return scratch.factors;
    }

    /** Takes the solution if its error is less than that of the start. */
    private void end(
        WeightMatrix weights, WeightMatrix result, int from, int row, Scratch scratch) {
      int at = row * columns;
      weights.read(from + row, 0, columns, scratch.weights, 0);
      result.read(from + row, 0, columns, scratch.start, 0);
      for (int k = 0; k < columns; k++) {
        p[at + k] = scratch.weights[k] - x[at + k];
      }
      double error = arithmetic.dot(p, at, g, at, columns);
      if (error < SURELY_LESS * errorsBefore[row] || change(at, scratch) < 0) {
        write(result, from, row);
      }
    }

    /** Returns the change of the error in float64: (e' - e) G (e' + e) for e' = w - x. */
    private double change(int at, Scratch scratch) {
      double[] sum = scratch.factors;
      for (int k = 0; k < columns; k++) {
        sum[k] = 2.0 * scratch.weights[k] - x[at + k] - scratch.start[k];
      }
      double change = 0;
      for (int k = 0; k < columns; k++) {
        double difference = (double) scratch.start[k] - x[at + k];
        if (difference != 0) {
          change += difference * arithmetic.dot(gram.square(), gram.rowStart(k), sum);
        }
      }
      return change;
    }

    private void write(WeightMatrix result, int from, int row) {
      long to = result.byteOffset(from + row, 0);
      MemorySegment.copy(x, row * columns, result.data(), FLOAT, to, columns);
    }
  }
}
