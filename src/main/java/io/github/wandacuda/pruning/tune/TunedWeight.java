package io.github.wandacuda.pruning.tune;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.fit.OutputFit;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A linear layer's weights while they are fitted: float32, which are rounded once at the end, and,
 * unless the layer stays as it is, the gradient and Adam's two moments of each (Kingma and Ba,
 * arXiv 1412.6980, algorithm 1). A weight that is zero at the beginning is a pruned one and stays
 * zero; nothing else has to be known of the mask.
 */
final class TunedWeight implements AutoCloseable {
  /** How much of the mean of gradients is kept from one step to the next. */
  private static final float MEAN_DECAY = 0.9f;

  /** How much of the mean of squared gradients is. */
  private static final float SQUARE_DECAY = 0.95f;

  /** Less than any gradient of a loss that is 1 for an output of nothing. */
  private static final float EPSILON = 1e-10f;

  private final WeightMatrix weights;
  private final Tensor gradient;
  private final Arena arena;
  private final MemorySegment means;
  private final MemorySegment squares;
  private int steps;

  /**
   * Copies weights.
   *
   * @param tuned whether they are to be fitted; else they stay as they are
   * @param operations of the device that sums their gradient
   */
  @SuppressWarnings("MustBeClosedChecker") // Closed with this.
  TunedWeight(RowReader from, boolean tuned, Operations operations) {
    arena = Arena.ofShared();
    weights = OutputFit.empty(DType.F32, from.rows(), from.columns(), arena);
    ModuleTiles.widen(from, weights);
    gradient = tuned ? operations.tensor(from.rows(), from.columns()) : null;
    means = tuned ? arena.allocate(weights.span().byteSize()) : null;
    squares = tuned ? arena.allocate(weights.span().byteSize()) : null;
  }

  /** Returns the weights as they are now. */
  WeightMatrix weights() {
    return weights;
  }

  /** Returns the sum that gradients are added to, or null if the weights stay as they are. */
  Tensor gradient() {
    return gradient;
  }

  /** Returns whether the weights are fitted. */
  boolean isTuned() {
    return gradient != null;
  }

  /** Returns the sum of the weights' squares. */
  double squared() {
    double sum = 0;
    float[] row = new float[weights.columns()];
    for (int at = 0; at < weights.rows(); at++) {
      weights.read(at, 0, row.length, row, 0);
      for (float weight : row) {
        sum += (double) weight * weight;
      }
    }
    return sum;
  }

  /** Returns how many weights aren't zero. */
  long kept() {
    long count = 0;
    float[] row = new float[weights.columns()];
    for (int at = 0; at < weights.rows(); at++) {
      weights.read(at, 0, row.length, row, 0);
      for (float weight : row) {
        count += weight != 0 ? 1 : 0;
      }
    }
    return count;
  }

  /**
   * Makes a step of Adam by the gradient that was summed, and begins a new sum.
   *
   * @param rate how far a weight goes at most, or nearly so
   */
  void step(float rate, Operations operations, WorkerPool workers) {
    steps++;
    float meanShare = (float) (1 - StrictMath.pow(MEAN_DECAY, steps));
    float squareShare = (float) (1 - StrictMath.pow(SQUARE_DECAY, steps));
    float[] gradients = new float[gradient.rows() * gradient.columns()];
    operations.download(gradient, MemorySegment.ofArray(gradients));
    operations.clear(gradient);
    int columns = weights.columns();
    workers.run(
        weights.rows(),
        (worker, row) -> {
          float[] weight = read(weights.data(), row);
          float[] mean = read(means, row);
          float[] square = read(squares, row);
          for (int at = 0; at < columns; at++) {
            boolean pruned = weight[at] == 0 && square[at] == 0;
            float by = pruned ? 0 : gradients[row * columns + at];
            mean[at] = MEAN_DECAY * mean[at] + (1 - MEAN_DECAY) * by;
            square[at] = SQUARE_DECAY * square[at] + (1 - SQUARE_DECAY) * by * by;
            float root = (float) Math.sqrt(square[at] / squareShare);
            weight[at] -= rate * (mean[at] / meanShare) / (root + EPSILON);
          }
          write(weight, weights.data(), row);
          write(mean, means, row);
          write(square, squares, row);
        });
  }

  private float[] read(MemorySegment from, int row) {
    float[] values = new float[weights.columns()];
    MemorySegment.copy(from, FLOAT, weights.byteOffset(row, 0), values, 0, values.length);
    return values;
  }

  private void write(float[] values, MemorySegment to, int row) {
    MemorySegment.copy(values, 0, to, FLOAT, weights.byteOffset(row, 0), values.length);
  }

  @Override
  public void close() {
    if (gradient != null) {
      gradient.close();
    }
    arena.close();
  }
}
