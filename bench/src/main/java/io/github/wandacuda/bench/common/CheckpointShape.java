package io.github.wandacuda.bench.common;

import java.util.List;
import java.util.Map;

/** The tensors of a model of a family, all of BF16, and what its config says. */
public interface CheckpointShape {
  /**
   * A tensor.
   *
   * @param name as in a checkpoint
   * @param shape one size for a norm's gain or a bias, or [outputs, inputs]
   */
  record Tensor(String name, List<Integer> shape) {
    private static final int BF16_BYTES = 2;

    public long elements() {
      return shape.stream().mapToLong(size -> size).reduce(1, (a, b) -> a * b);
    }

    public long bytes() {
      return elements() * BF16_BYTES;
    }

    public boolean isLinear() {
      return name.endsWith("_proj.weight") || name.matches(".*\\.fc[12]\\.weight");
    }

    boolean isEmbedding() {
      return name.endsWith("embed_tokens.weight");
    }

    boolean isBias() {
      return name.endsWith(".bias");
    }

    /** Returns the name of the module that it belongs to. */
    public String module() {
      return name.substring(0, name.length() - ".weight".length());
    }
  }

  /** Returns all tensors in the order in which files hold them. */
  List<Tensor> tensors();

  /** Returns what {@code config.json} holds. */
  Map<String, Object> config();

  /** Returns the number of tokens that there are. */
  int vocabulary();

  /** Returns the bytes of the weights that a generated token is multiplied by. */
  long tokenBytes();

  /** Returns the bytes of all tensors. */
  default long bytes() {
    return tensors().stream().mapToLong(Tensor::bytes).sum();
  }

  /** Returns the bytes of the largest tensor. */
  default long largestTensorBytes() {
    return tensors().stream().mapToLong(Tensor::bytes).max().orElse(0);
  }

  /** Returns the number of weights that can be pruned. */
  default long linearElements() {
    return tensors().stream().filter(Tensor::isLinear).mapToLong(Tensor::elements).sum();
  }
}
