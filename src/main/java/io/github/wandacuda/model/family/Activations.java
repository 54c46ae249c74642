package io.github.wandacuda.model.family;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.ModelConfig;
import java.util.Map;
import java.util.TreeSet;

/** The activations by their names in models' configs. */
final class Activations {
  static final Map<String, Activation> NAMES =
      Map.ofEntries(
          Map.entry("silu", Activation.SILU),
          Map.entry("swish", Activation.SILU),
          Map.entry("gelu", Activation.GELU),
          Map.entry("gelu_python", Activation.GELU),
          Map.entry("gelu_new", Activation.GELU_TANH),
          Map.entry("gelu_fast", Activation.GELU_TANH),
          Map.entry("gelu_accurate", Activation.GELU_TANH),
          Map.entry("gelu_pytorch_tanh", Activation.GELU_TANH),
          Map.entry("quick_gelu", Activation.QUICK_GELU),
          Map.entry("relu", Activation.RELU),
          Map.entry("relu2", Activation.RELU_SQUARED));

  private Activations() {}

  /**
   * Returns the activation that a key names.
   *
   * @param otherwise the name if the key is absent or null
   * @throws io.github.wandacuda.error.InputException if no activation has the name
   */
  static Activation of(ModelConfig config, String key, String otherwise) {
    Activation activation = NAMES.get(config.text(key, otherwise));
    if (activation == null) {
      throw config.notComputed(key, "one of " + known());
    }
    return activation;
  }

  /** Returns the known names, for messages. */
  static String known() {
    return String.join(", ", new TreeSet<>(NAMES.keySet()));
  }
}
