package io.github.wandacuda.model.llama;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.Weight;
import io.github.wandacuda.model.DecoderWeights;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;

/**
 * A linear module of a block: its weight, which pruning replaces, and its bias where it has one.
 */
final class Linear implements AutoCloseable {
  private final String module;
  private Weight weight;
  private final Tensor bias;

  Linear(DecoderWeights weights, String module, int rows, int columns, Arena arena) {
    this.module = module;
    this.weight = weights.matrix(module + LlamaNames.WEIGHT, rows, columns, arena);
    this.bias = weights.vectorOrNull(module + LlamaNames.BIAS, rows);
  }

  String module() {
    return module;
  }

  void apply(Operations operations, Tensor input, Tensor output) {
    operations.linear(input, weight, bias, output);
  }

  void replace(Operations operations, WeightMatrix matrix) {
    if (matrix.rows() != weight.rows() || matrix.columns() != weight.columns()) {
      throw new IllegalArgumentException(
          "%s is %d x %d, not %d x %d"
              .formatted(module, weight.rows(), weight.columns(), matrix.rows(), matrix.columns()));
    }
    weight.close();
    weight = operations.weight(matrix);
  }

  @Override
  public void close() {
    weight.close();
    if (bias != null) {
      bias.close();
    }
  }
}
