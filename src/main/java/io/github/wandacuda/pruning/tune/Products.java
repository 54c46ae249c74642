package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * The products of a linear layer's backward pass, each as a linear layer of transposed matrices, so
 * that a backend has one product to be fast at. With inputs x [tokens, columns], weights W [rows,
 * columns], outputs {@code y = x W^T} and the loss's gradient dy with respect to these: {@code dx =
 * dy W} and {@code dW = dy^T x}.
 *
 * @param operations compute the products
 * @param workers transpose; results are the same for any number of them
 */
record Products(Operations operations, WorkerPool workers) {
  /** Rows and columns of a tile that is transposed at a time, so that both sides stay in cache. */
  private static final int TILE = 32;

  /** Copies a tensor's elements to a new array. */
  float[] values(Tensor tensor) {
    float[] values = new float[tensor.rows() * tensor.columns()];
    operations.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  /**
   * Computes the gradient with respect to a layer's inputs.
   *
   * @param outputs the gradient with respect to its outputs, [tokens, w.rows]
   * @return [tokens, w.columns]
   */
  float[] inputGradient(float[] outputs, RowReader w) {
    float[] weights = new float[w.rows() * w.columns()];
    workers.run(w.rows(), (worker, row) -> w.read(row, 0, w.columns(), weights, row * w.columns()));
    WeightMatrix turned =
        WeightMatrix.of(transposed(weights, w.rows(), w.columns()), w.columns(), w.rows());
    int tokens = outputs.length / w.rows();
    try (Weight weight = operations.weight(turned);
        Tensor from = operations.tensor(tokens, w.rows());
        Tensor to = operations.tensor(tokens, w.columns())) {
      operations.upload(MemorySegment.ofArray(outputs), from);
      operations.linear(from, weight, null, to);
      return values(to);
    }
  }

  /**
   * Adds the gradient with respect to a layer's weights.
   *
   * @param outputs the gradient with respect to its outputs, [tokens, rows]
   * @param inputs [tokens, columns]
   * @param sum [rows, columns], which is added to
   */
  void addWeightGradient(float[] outputs, float[] inputs, Tensor sum) {
    int tokens = outputs.length / sum.rows();
    float[] turned = transposed(inputs, tokens, sum.columns());
    try (Weight weight = operations.weight(WeightMatrix.of(turned, sum.columns(), tokens));
        Tensor from = operations.tensor(sum.rows(), tokens);
        Tensor to = operations.tensor(sum.rows(), sum.columns())) {
      operations.upload(MemorySegment.ofArray(transposed(outputs, tokens, sum.rows())), from);
      operations.linear(from, weight, null, to);
      operations.elementwise(new Elementwise.Add(), sum, to, sum);
    }
  }

  /** Returns the transpose of a matrix [rows, columns]. */
  private float[] transposed(float[] matrix, int rows, int columns) {
    float[] turned = new float[matrix.length];
    workers.runRanges(
        columns,
        TILE,
        (worker, first, end) -> {
          for (int from = 0; from < rows; from += TILE) {
            int to = Math.min(rows, from + TILE);
            for (int column = first; column < end; column++) {
              for (int row = from; row < to; row++) {
                turned[column * rows + row] = matrix[row * columns + column];
              }
            }
          }
        });
    return turned;
  }
}
