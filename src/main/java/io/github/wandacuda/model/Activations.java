package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import java.util.Map;
import java.util.TreeSet;

/** The activations by their names in configs. */
final class Activations {
  private static final Map<String, Activation> NAMES =
      Map.of(
          "silu", Activation.SILU,
          "swish", Activation.SILU,
          "gelu", Activation.GELU,
          "gelu_python", Activation.GELU,
          "gelu_new", Activation.GELU_TANH,
          "gelu_fast", Activation.GELU_TANH,
          "gelu_accurate", Activation.GELU_TANH,
          "gelu_pytorch_tanh", Activation.GELU_TANH,
          "quick_gelu", Activation.QUICK_GELU,
          "relu", Activation.RELU);

  private Activations() {}

  /**
   * Returns the activation that a key names.
   *
   * @param otherwise the name if the key is absent or null
   * @throws io.github.wandacuda.error.InputException if no known activation has the name
   */
  static Activation of(ModelConfig config, String key, String otherwise) {
    Activation activation = NAMES.get(config.text(key, otherwise));
    if (activation == null) {
      String known = String.join(", ", new TreeSet<>(NAMES.keySet()));
      throw config.notComputed(key, "one of " + known, config.root().get(key));
    }
    return activation;
  }
}
