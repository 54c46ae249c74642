package io.github.wandacuda.layerwise;

/** Swaps of the best of all pairs of a row until none gains, in float64 and nothing but that. */
final class FullSearch {
  private final float[][] gram;
  private final float[] weights;
  private final boolean[] kept;
  private final int group;
  private final double[] products;
  private double error;

  FullSearch(float[][] gram, float[] weights, boolean[] kept, int group) {
    this.gram = gram;
    this.weights = weights;
    this.kept = kept.clone();
    this.group = group;
    products = new double[weights.length];
    for (int k = 0; k < weights.length; k++) {
      for (int j = 0; j < weights.length; j++) {
        products[k] += kept[j] ? 0 : (double) weights[j] * gram[j][k];
      }
      error += kept[k] ? 0 : weights[k] * products[k];
    }
  }

  /** Returns the error that is left. */
  double error() {
    while (swapBest()) {
      // Each swap changes what all others would gain.
    }
    return error;
  }

  private boolean swapBest() {
    double best = -1e-6 * error;
    int prune = -1;
    int restore = -1;
    for (int i = 0; i < weights.length; i++) {
      for (int j = i - i % group; kept[i] && j < i - i % group + group; j++) {
        double change = change(i, j);
        if (!kept[j] && gram[j][j] > 0 && change < best) {
          best = change;
          prune = i;
          restore = j;
        }
      }
    }
    if (prune < 0) {
      return false;
    }
    kept[prune] = false;
    kept[restore] = true;
    error += best;
    for (int k = 0; k < weights.length; k++) {
      products[k] += (double) weights[prune] * gram[prune][k];
      products[k] -= (double) weights[restore] * gram[restore][k];
    }
    return true;
  }

  private double change(int i, int j) {
    double first = weights[i];
    double second = weights[j];
    return 2 * first * products[i]
        + first * first * gram[i][i]
        - 2 * second * products[j]
        + second * second * gram[j][j]
        - 2 * first * second * gram[i][j];
  }
}
