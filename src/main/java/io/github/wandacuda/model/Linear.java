package io.github.wandacuda.model;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A linear module on the device: its weight, which pruning replaces, and its bias if it has one.
 */
public final class Linear {
  private final Operations operations;
  private final String module;
  private final Tensor bias;
  private Weight weight;
  private MemorySegment bytes;

  /** Loads a linear module's weight and bias; both are closed with {@code weights}. */
  Linear(DecoderWeights weights, LinearDescription description) {
    operations = weights.operations();
    module = weights.tensors().fullName(description.name());
    DecoderWeights.Loaded loaded = weights.weight(description);
    weight = loaded.weight();
    bytes = loaded.bytes();
    weights.closing(() -> weight.close());
    bias = weights.bias(description);
  }

  /** Returns a linear module, or null if there is none. */
  static Linear orNull(DecoderWeights weights, LinearDescription description) {
    return description == null ? null : new Linear(weights, description);
  }

  /** Returns the module's full name. */
  String module() {
    return module;
  }

  /** Returns the weight, which stays this module's. */
  Weight weight() {
    return weight;
  }

  /** Returns the module as it is applied now. */
  HalfParts.Applied applied() {
    return new HalfParts.Applied(module, weight, bias);
  }

  /** Returns the host memory that the weight is read from, as {@link Block#bytes} does. */
  Optional<MemorySegment> bytes() {
    return Optional.ofNullable(bytes);
  }

  /** Returns the number of output features. */
  int rows() {
    return weight.rows();
  }

  /** Returns the number of input features. */
  int columns() {
    return weight.columns();
  }

  /**
   * Computes {@code output = input * w^T + bias}.
   *
   * @param input [tokens, in_features]
   * @param output [tokens, out_features]
   */
  void apply(Tensor input, Tensor output) {
    operations.linear(input, weight, bias, output);
  }

  /**
   * Replaces the weight, and closes the one before.
   *
   * @throws IllegalArgumentException if the new one has another shape
   */
  void replace(RowReader matrix) {
    if (matrix.rows() != weight.rows() || matrix.columns() != weight.columns()) {
      throw new IllegalArgumentException(
          "%s is %d x %d, not %d x %d"
              .formatted(module, weight.rows(), weight.columns(), matrix.rows(), matrix.columns()));
    }
    weight.close();
    weight = operations.weight(matrix);
    bytes = weight.ownsMemory() ? null : matrix.data();
  }
}
