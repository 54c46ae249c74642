package io.github.wandacuda.families.reference;

/** Causal attention in float64, score by score. */
final class AttentionReference {
  final int heads;
  final int shared;
  final int size;
  double scale;
  double softcap;
  int window;

  /** The angle per position of each rotated pair, or null. */
  double[] frequencies;

  /** Whether pairs are neighbours instead of halves. */
  boolean interleaved;

  /** The factor of cosines and sines. */
  double factor = 1;

  /** [heads][positions] added to scores, or null. */
  double[][] bias;

  AttentionReference(int heads, int shared, int size) {
    this.heads = heads;
    this.shared = shared;
    this.size = size;
    scale = 1 / Math.sqrt(size);
  }

  double[][] run(double[][] q, double[][] k, double[][] v) {
    double[][] queries = rotated(q);
    double[][] keys = rotated(k);
    double[][] out = new double[q.length][heads * size];
    for (int i = 0; i < q.length; i++) {
      for (int head = 0; head < heads; head++) {
        int from = head / (heads / shared) * size;
        double[] scores = new double[i + 1];
        for (int j = 0; j <= i; j++) {
          double product = 0;
          for (int d = 0; d < size; d++) {
            product += queries[i][head * size + d] * keys[j][from + d];
          }
          scores[j] = seen(i, j) ? score(product * scale, head, j) : Double.NEGATIVE_INFINITY;
        }
        double[] weights = Rows.softmax(scores);
        for (int d = 0; d < size; d++) {
          for (int j = 0; j <= i; j++) {
            out[i][head * size + d] += weights[j] * v[j][from + d];
          }
        }
      }
    }
    return out;
  }

  private boolean seen(int i, int j) {
    return window == 0 || j > i - window;
  }

  private double score(double scaled, int head, int j) {
    double capped = softcap == 0 ? scaled : softcap * Math.tanh(scaled / softcap);
    return bias == null ? capped : capped + bias[head][j];
  }

  double[][] rotated(double[][] x) {
    if (frequencies == null) {
      return x;
    }
    double[][] out = Rows.map(x, value -> value);
    int pairs = frequencies.length;
    for (int t = 0; t < x.length; t++) {
      for (int head = 0; head < x[t].length; head += size) {
        for (int i = 0; i < pairs; i++) {
          double cos = factor * Math.cos(t * frequencies[i]);
          double sin = factor * Math.sin(t * frequencies[i]);
          int first = head + (interleaved ? 2 * i : i);
          int second = interleaved ? first + 1 : first + pairs;
          double a = x[t][first];
          double b = x[t][second];
          out[t][first] = a * cos - b * sin;
          out[t][second] = b * cos + a * sin;
        }
      }
    }
    return out;
  }
}
