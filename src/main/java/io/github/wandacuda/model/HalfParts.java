package io.github.wandacuda.model;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import java.util.List;

/**
 * What a half of a block computes behind its norm, taken apart so that its gradient can be computed
 * from outside. Weights and tensors are the block's and valid as long as it is open.
 */
public sealed interface HalfParts {
  /** Returns the linear modules in the order of their use; the last one gives the half's output. */
  List<Applied> linears();

  /**
   * A linear module.
   *
   * @param module its full name
   * @param weight [output features, input features], until the block's is replaced
   * @param bias [1, output features], or null
   */
  record Applied(String module, Weight weight, Tensor bias) {}

  /**
   * An RMSNorm over each head, or over all heads of a token together.
   *
   * @param size features that are normed together
   * @param epsilon what is added to the mean square
   * @param gain [1, size], with its offset
   */
  record HeadNorm(int size, float epsilon, Tensor gain) {
    /** Returns a norm's numbers, or null for null. */
    static HeadNorm of(Norm norm) {
      return norm == null
          ? null
          : new HeadNorm(norm.description().size(), norm.description().epsilon(), norm.gain());
    }
  }

  /**
   * Attention with a softmax: {@code o(softmax(rotate(norm(q(x))) rotate(norm(k(x)))^T) v(x))},
   * with the description's heads, positions and scores.
   *
   * @param description without gates, bounds, chunks and factors of queries
   * @param queryNorm over query heads, before they are rotated, or null
   * @param keyNorm over key heads, or null
   * @param sinks [1, heads], or null
   */
  record OfAttention(
      AttentionDescription description,
      List<Applied> linears,
      HeadNorm queryNorm,
      HeadNorm keyNorm,
      Tensor sinks)
      implements HalfParts {}

  /**
   * A dense MLP: {@code down(between(up(x)))} or {@code down(between(gate(x), up(x)))}.
   *
   * @param gated whether there is a gate
   * @param interleaved whether a module for gate and up has their rows by turns; else the gate's
   *     come first
   * @param between what is computed of the gate and up, or of up alone
   */
  record OfMlp(boolean gated, boolean interleaved, Elementwise between, List<Applied> linears)
      implements HalfParts {}
}
