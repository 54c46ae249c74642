package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.HalfParts;
import io.github.wandacuda.model.HalfParts.Applied;
import java.util.List;

/**
 * A half of a block that runs forward on a few sequences and then backward, which adds the gradient
 * of its weights. What it reads is behind the half's norm and stays as it is, so no gradient with
 * respect to it is needed.
 */
interface HalfGradient extends AutoCloseable {
  /**
   * A linear module with weights that may change.
   *
   * @param of the module, of which the bias is taken
   */
  record Layer(Applied of, TunedWeight weight) {}

  /**
   * Makes the gradient of a half.
   *
   * @param layers its linear modules, in the order of the parts
   * @param tokens the most that run at once
   * @param sequenceLength of the sequences that they are
   */
  static HalfGradient of(
      HalfParts parts, List<Layer> layers, Products products, int tokens, int sequenceLength) {
    return switch (parts) {
      case HalfParts.OfAttention attention ->
          new AttentionHalf(attention, layers, products, tokens, sequenceLength);
      case HalfParts.OfMlp mlp -> new MlpHalf(mlp, layers, products, tokens);
    };
  }

  /** Returns whether the gradient of a half is known. */
  static boolean knows(HalfParts parts) {
    return !(parts instanceof HalfParts.OfMlp mlp) || ElementwiseGradient.knows(mlp.between());
  }

  /**
   * Runs the half.
   *
   * @param input [tokens, hidden size], whole sequences
   * @return [tokens, hidden size], valid until the next call
   */
  Tensor forward(Tensor input);

  /**
   * Adds the gradient of the weights that are fitted.
   *
   * @param input the same as {@link #forward} was given last
   * @param by the loss's gradient with respect to what that returned
   */
  void backward(Tensor input, float[] by);

  @Override
  void close();
}
