package io.github.wandacuda.cli;

/**
 * The range of a module's input norms.
 *
 * @param least the least one
 * @param mean their mean
 * @param most the largest one
 */
record NormSummary(float least, double mean, float most) {

  static NormSummary of(float[] norms) {
    float least = Float.POSITIVE_INFINITY;
    float most = 0;
    double sum = 0;
    for (float norm : norms) {
      least = Math.min(least, norm);
      most = Math.max(most, norm);
      sum += norm;
    }
    return norms.length == 0
        ? new NormSummary(0, 0, 0)
        : new NormSummary(least, sum / norms.length, most);
  }
}
