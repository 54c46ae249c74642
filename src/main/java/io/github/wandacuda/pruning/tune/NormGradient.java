package io.github.wandacuda.pruning.tune;

/**
 * The gradient of RMSNorm (Zhang and Sennrich, arXiv 1910.07467). With {@code n = x / r}, r being
 * the root of the mean square and epsilon, and the result {@code n * gain}: {@code dx = (g - n *
 * mean(n * g)) / r} with {@code g = gain * dy}.
 */
final class NormGradient {
  private NormGradient() {}

  /**
   * Replaces the gradient with respect to the results by that with respect to the inputs.
   *
   * @param x the inputs, rows of as many elements as there are gains, one after the other
   * @param by the gradient with respect to the results, overwritten
   */
  static void replace(float[] x, float[] gain, float epsilon, float[] by) {
    int size = gain.length;
    for (int at = 0; at < x.length; at += size) {
      double squares = 0;
      double product = 0;
      for (int i = 0; i < size; i++) {
        squares += (double) x[at + i] * x[at + i];
        product += (double) x[at + i] * gain[i] * by[at + i];
      }
      double root = Math.sqrt(squares / size + epsilon);
      double mean = product / size / (root * root);
      for (int i = 0; i < size; i++) {
        by[at + i] = (float) ((gain[i] * by[at + i] - x[at + i] * mean) / root);
      }
    }
  }
}
