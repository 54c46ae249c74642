package io.github.wandacuda.families.reference;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/** Arithmetic on rows of float64, one token each. */
final class Rows {
  private Rows() {}

  static double[][] map(double[][] x, DoubleUnaryOperator function) {
    double[][] out = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      out[t] = new double[x[t].length];
      for (int c = 0; c < out[t].length; c++) {
        out[t][c] = function.applyAsDouble(x[t][c]);
      }
    }
    return out;
  }

  static double[][] add(double[][] x, double[][] y) {
    double[][] out = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      for (int c = 0; c < out[t].length; c++) {
        out[t][c] = x[t][c] + y[t][c];
      }
    }
    return out;
  }

  static double[][] multiply(double[][] x, double[][] y) {
    double[][] out = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      for (int c = 0; c < out[t].length; c++) {
        out[t][c] = x[t][c] * y[t][c];
      }
    }
    return out;
  }

  /** Returns columns {@code from} to {@code to - 1}. */
  static double[][] columns(double[][] x, int from, int to) {
    double[][] out = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      out[t] = Arrays.copyOfRange(x[t], from, to);
    }
    return out;
  }

  static double[][] rmsNorm(double[][] x, double[] gain, double epsilon) {
    double[][] out = new double[x.length][gain.length];
    for (int t = 0; t < x.length; t++) {
      double squares = 0;
      for (double value : x[t]) {
        squares += value * value;
      }
      double root = Math.sqrt(squares / gain.length + epsilon);
      for (int c = 0; c < gain.length; c++) {
        out[t][c] = x[t][c] / root * gain[c];
      }
    }
    return out;
  }

  static double[][] layerNorm(double[][] x, double[] gain, double[] bias, double epsilon) {
    double[][] out = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      double mean = 0;
      for (double value : x[t]) {
        mean += value / x[t].length;
      }
      double variance = 0;
      for (double value : x[t]) {
        variance += (value - mean) * (value - mean) / x[t].length;
      }
      for (int c = 0; c < x[t].length; c++) {
        double normal = (x[t][c] - mean) / Math.sqrt(variance + epsilon);
        out[t][c] = gain == null ? normal : normal * gain[c] + bias[c];
      }
    }
    return out;
  }

  static double[] softmax(double[] scores) {
    double max = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      max = Math.max(max, score);
    }
    double sum = 0;
    double[] out = new double[scores.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = Math.exp(scores[i] - max);
      sum += out[i];
    }
    for (int i = 0; i < out.length; i++) {
      out[i] /= sum;
    }
    return out;
  }

  static DoubleUnaryOperator activation(String name) {
    return switch (name) {
      case "silu", "swish" -> x -> x / (1 + Math.exp(-x));
      case "relu" -> x -> Math.max(x, 0);
      case "quick_gelu" -> x -> x / (1 + Math.exp(-1.702 * x));
      case "gelu" -> x -> x / 2 * (1 + erf(x / Math.sqrt(2)));
      case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" ->
          x -> x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** By its series, whose terms grow to exp(x^2) before they vanish. */
  private static double erf(double x) {
    if (Math.abs(x) > 4) {
      return Math.signum(x);
    }
    double term = x;
    double sum = x;
    for (int n = 1; n < 120; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
}
