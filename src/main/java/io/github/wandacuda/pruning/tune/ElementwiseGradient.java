package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.scalar.Exponential;
import io.github.wandacuda.scalar.NormalTail;
import io.github.wandacuda.scalar.ScalarForward;

/**
 * The derivatives of what is computed between an MLP's linear layers, in float32, element by
 * element.
 */
final class ElementwiseGradient {
  /** {@code 1 / sqrt(2 pi)}, of the normal distribution's density. */
  private static final float DENSITY = 0x1.988454p-2f;

  private ElementwiseGradient() {}

  /** Returns whether an operation's derivatives are known. */
  static boolean knows(Elementwise operation) {
    return operation instanceof Activation
        || operation instanceof Elementwise.Gate
        || operation instanceof Elementwise.ClampedGate
        || operation instanceof Elementwise.Xielu;
  }

  /**
   * Replaces inputs of {@code f(x, y)} by the loss's gradient with respect to them.
   *
   * @param operation f, one that this {@linkplain #knows knows}
   * @param x the first inputs; receive their gradient
   * @param y the second inputs, likewise; null if the operation takes only x
   * @param by the gradient with respect to the results
   * @param from the first element
   * @param to the element after the last one
   */
  static void replace(Elementwise operation, float[] x, float[] y, float[] by, int from, int to) {
    for (int at = from; at < to; at++) {
      switch (operation) {
        case Elementwise.Gate gate -> {
          float up = y[at];
          y[at] = by[at] * value(gate.activation(), x[at]);
          x[at] = by[at] * up * slope(gate.activation(), x[at]);
        }
        case Elementwise.ClampedGate gate -> replaceClamped(gate.limit(), x, y, by[at], at);
        case Activation activation -> x[at] = by[at] * slope(activation, x[at]);
        case Elementwise.Xielu xielu -> x[at] = by[at] * slope(xielu, x[at]);
        default -> throw new IllegalArgumentException("no derivative of " + operation);
      }
    }
  }

  private static void replaceClamped(float limit, float[] x, float[] y, float by, int at) {
    float gate = Math.min(x[at], limit);
    float up = Math.max(-limit, Math.min(y[at], limit));
    boolean free = Math.abs(y[at]) <= limit;
    y[at] = free ? by * value(Activation.QUICK_GELU, gate) : 0;
    x[at] = x[at] <= limit ? by * (up + 1) * slope(Activation.QUICK_GELU, gate) : 0;
  }

  private static float value(Activation activation, float x) {
    return switch (activation) {
      case SILU -> x * sigmoid(x);
      case QUICK_GELU -> x * sigmoid(ScalarForward.QUICK * x);
      case GELU_TANH -> x * sigmoid(bent(x));
      case GELU -> x * below(x);
      case RELU -> Math.max(x, 0);
      case SIGMOID -> sigmoid(x);
      case RELU_SQUARED -> Math.max(x, 0) * Math.max(x, 0);
    };
  }

  /** Returns the derivative of an activation; that of one with a kink is 0 there. */
  static float slope(Activation activation, float x) {
    return switch (activation) {
      case SILU -> {
        float part = sigmoid(x);
        yield part * (1 + x * (1 - part));
      }
      case QUICK_GELU -> {
        float part = sigmoid(ScalarForward.QUICK * x);
        yield part * (1 + ScalarForward.QUICK * x * (1 - part));
      }
      case GELU_TANH -> {
        float part = sigmoid(bent(x));
        float inner = ScalarForward.TWICE_ROOT * (1 + 3 * ScalarForward.CUBIC * x * x);
        yield part * (1 + x * (1 - part) * inner);
      }
      case GELU -> below(x) + x * DENSITY * Exponential.exp(-0.5f * x * x);
      case RELU -> x > 0 ? 1 : 0;
      case SIGMOID -> sigmoid(x) * (1 - sigmoid(x));
      case RELU_SQUARED -> 2 * Math.max(x, 0);
    };
  }

  private static float slope(Elementwise.Xielu xielu, float x) {
    if (x > 0) {
      return 2 * xielu.positive() * x + xielu.beta();
    }
    float grown = x > xielu.epsilon() ? 0 : Exponential.exp(x);
    return xielu.negative() * (grown - 1) + xielu.beta();
  }

  private static float sigmoid(float x) {
    return 1 / (1 + Exponential.exp(-x));
  }

  /** Returns what GELU by a tangent takes the sigmoid of. */
  private static float bent(float x) {
    return ScalarForward.TWICE_ROOT * (x + ScalarForward.CUBIC * x * x * x);
  }

  /** Returns the normal distribution's cumulative function. */
  private static float below(float x) {
    float tail = NormalTail.of(Math.abs(x));
    return x < 0 ? tail : 1 - tail;
  }
}
