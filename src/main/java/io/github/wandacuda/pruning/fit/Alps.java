package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.scalar.TiledTriangle;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.DoubleAccumulator;

/**
 * ALPS (Meng et al., arXiv 2406.07831): chooses a layer's mask once more, together with the values
 * of what it keeps, by the alternating direction method of multipliers. With W for the weights and
 * A for the second moments, their columns scaled so that A's diagonal is 1, and T being W first:
 *
 * <pre>{@code
 * D = T where it is kept, 0 elsewhere,   U = (T - D) / RISE, 0 first
 * T = W + (rho / a)^0.4 (D - W - U) M + U,   M = a (A + a I)^-1
 * kept: the largest |T|
 * }</pre>
 *
 * <p>The penalty rho rises by {@link #RISE} with every step; M is that of the middle one of {@link
 * #SHARING} steps. The original has the mask's changes say how rho rises, in up to 300 steps with
 * eigenvectors of A, and leaves as much error. M is the product of a triangle that is known in
 * float64; all else is in float32, T as the result holds it.
 */
public final class Alps implements AutoCloseable {
  /** How many steps choose the mask. */
  private static final int STEPS = 12;

  /** How many steps share an M. */
  private static final int SHARING = 3;

  /** The penalty rho of the first step. */
  private static final double FIRST = 0.1;

  private static final double RISE = Math.pow(15, 1.0 / (STEPS - 1));

  /** What U is as a part of T, where nothing is kept. */
  private static final float FALL = (float) (1 / RISE);

  /** How many steps fit the kept weights after the mask was chosen; ten leave as much error. */
  public static final int FITTING_STEPS = 4;

  /** Rows of the triangle that are multiplied at a time. */
  private static final int ROWS = 256;

  private final WorkerPool workers;
  private final double[] scales;
  private final Arena arena = Arena.ofShared();
  private final List<SquareGram> inverses = new ArrayList<>();

  private Alps(WorkerPool workers, double[] scales) {
    this.workers = workers;
    this.scales = scales;
  }

  /**
   * Prepares for layers with these second moments.
   *
   * @param operations compute the products
   * @param gram isn't read after this call
   * @return nothing if the moments have no inverse; else for the caller to close
   */
  public static Optional<Alps> of(Operations operations, WorkerPool workers, Gram gram) {
    double[] scales = new double[gram.columns()];
    for (int column = 0; column < scales.length; column++) {
      scales[column] = Math.sqrt(gram.get(column, column));
    }
    Alps alps = new Alps(workers, scales);
    for (int step = 0; step < STEPS; step += SHARING) {
      double penalty = FIRST * Math.pow(RISE, step + (SHARING - 1) / 2.0);
      TiledTriangle matrix = alps.penalised(gram, penalty);
      if (!LayerwiseKernels.chosen().factor().invertRoot(matrix, workers)) {
        alps.close();
        return Optional.empty();
      }
      Gram inverse = alps.multiplied(matrix, 1 / penalty, operations);
      alps.inverses.add(new SquareGram(operations, workers, inverse));
    }
    return Optional.of(alps);
  }

  /** Returns {@code A + penalty I}; A is 0 where a column never had another input than 0. */
  private TiledTriangle penalised(Gram gram, double penalty) {
    TiledTriangle matrix = new TiledTriangle(scales.length);
    workers.run(
        scales.length,
        (worker, j) -> {
          long start = Gram.rowStart(scales.length, j) - j;
          for (int i = j; i < scales.length; i++) {
            double scale = scales[i] * scales[j];
            double element = gram.triangle().getAtIndex(FLOAT, start + i);
            matrix.set(i, j, (scale == 0 ? 0 : element / scale) + (i == j ? penalty : 0));
          }
        });
    return matrix;
  }

  /** Returns {@code root^T root / divisor}, the root being a lower triangle. */
  private Gram multiplied(TiledTriangle root, double divisor, Operations operations) {
    int order = scales.length;
    float[] rows = new float[Math.multiplyExact(Math.min(ROWS, order), order)];
    Gram product = new Gram(order, arena.allocate(Gram.elements(order) * Float.BYTES, Float.BYTES));
    try (SecondMoments sums = operations.secondMoments(order);
        Tensor x = operations.tensor(Math.min(ROWS, order), order)) {
      for (int first = 0; first < order; first += ROWS) {
        int from = first;
        int count = Math.min(ROWS, order - from);
        workers.run(
            count,
            (worker, row) -> {
              for (int k = 0; k < order; k++) {
                boolean below = k <= from + row;
                rows[row * order + k] = below ? (float) root.get(from + row, k) : 0;
              }
            });
        operations.upload(MemorySegment.ofArray(rows), x.rows(0, count));
        sums.add(x.rows(0, count));
      }
      sums.download(divisor, product.triangle());
    }
    return product;
  }

  /**
   * Chooses a layer's mask, and values of what it keeps, which are the rows' result.
   *
   * @param rows with a mask to begin with
   * @param sparsity how much goes
   * @param choose writes the mask of the result's largest magnitudes, of rows in host memory; it
   *     isn't called for rows that stay on a device
   */
  public void solve(LayerRows rows, Sparsity sparsity, Runnable choose) {
    double unit = unit(rows.weights);
    for (int step = 0; step < STEPS; step++) {
      SquareGram inverse = inverses.get(step / SHARING);
      double fromMiddle = step % SHARING - (SHARING - 1) / 2.0;
      float factor = (float) Math.pow(RISE, 0.4 * fromMiddle);
      float fall = step == 0 ? 0 : FALL;
      rows.forTiles(tile -> tile.alternate(inverse, unit, fall, factor));
      rows.keepLargest(sparsity, choose);
    }
    rows.forTiles(tile -> tile.unscale(unit));
  }

  /** Returns a power of 2 that keeps scaled weights from growing too large for float32. */
  private double unit(WeightMatrix weights) {
    DoubleAccumulator most = new DoubleAccumulator(Math::max, 0);
    workers.run(
        weights.rows(),
        (worker, row) -> {
          double largest = 0;
          for (int k = 0; k < scales.length; k++) {
            largest = Math.max(largest, Math.abs(weights.get(row, k) * scales[k]));
          }
          most.accumulate(largest);
        });
    return Math.scalb(1, -Math.getExponent(most.get()));
  }

  @Override
  public void close() {
    inverses.forEach(SquareGram::close);
    arena.close();
  }
}
