package io.github.wandacuda.forward;

/** The functions between an MLP's linear layers. */
public enum Activation implements Elementwise {
  /** {@code x * sigmoid(x)}, also called swish (Ramachandran et al., arXiv 1710.05941). */
  SILU,

  /**
   * {@code x * Phi(x)} with the normal distribution's cumulative function: {@code x/2 * (1 +
   * erf(x/sqrt(2)))} (Hendrycks and Gimpel, arXiv 1606.08415).
   */
  GELU,

  /**
   * GELU by a hyperbolic tangent: {@code x/2 * (1 + tanh(u))} with {@code u = sqrt(2/pi) * (x +
   * 0.044715 * x^3)}, which is {@code x * sigmoid(2u)}.
   */
  GELU_TANH,

  /** GELU by a sigmoid: {@code x * sigmoid(1.702 * x)}. */
  QUICK_GELU,

  /** {@code max(x, 0)}. */
  RELU,

  /** {@code 1 / (1 + exp(-x))}, of gates. */
  SIGMOID,

  /** {@code max(x, 0)^2} (So et al., arXiv 2109.08668). */
  RELU_SQUARED
}
