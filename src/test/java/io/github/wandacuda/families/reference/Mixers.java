package io.github.wandacuda.families.reference;

/** What mixes a sequence's tokens otherwise than attention by heads, in float64. */
final class Mixers {
  private static final double INNER_EPSILON = 1e-6;

  private Mixers() {}

  /** Latent attention, with its pairs of neighbours turned by plain frequencies. */
  static double[][] latent(ReferenceModel model, double[][] x, String name, double theta) {
    int heads = model.integer("num_attention_heads");
    int plain = model.integer("qk_nope_head_dim");
    int rotated = model.integer("qk_rope_head_dim");
    int values = model.integer("v_head_dim");
    int rank = model.integer("kv_lora_rank");
    boolean bias = model.flag("attention_bias", false);
    int size = plain + rotated;
    double[][] q;
    if (model.config.hasNonNull("q_lora_rank")) {
      double[][] narrow = model.linear(x, name + "q_a_proj", model.integer("q_lora_rank"), bias);
      q =
          model.linear(
              inner(model, narrow, name + "q_a_layernorm"), name + "q_b_proj", heads * size, false);
    } else {
      q = model.linear(x, name + "q_proj", heads * size, false);
    }
    double[][] both = model.linear(x, name + "kv_a_proj_with_mqa", rank + rotated, bias);
    double[][] latent = inner(model, Rows.columns(both, 0, rank), name + "kv_a_layernorm");
    double[][] wide = model.linear(latent, name + "kv_b_proj", heads * (plain + values), false);
    boolean neighbours = model.flag("rope_interleave", true);
    double[] frequencies = model.frequencies(rotated, theta);
    double[][] shared = turned(Rows.columns(both, rank, rank + rotated), frequencies, neighbours);
    double[][] out = new double[x.length][heads * values];
    for (int head = 0; head < heads; head++) {
      int from = head * size;
      double[][] q1 = Rows.columns(q, from, from + plain);
      double[][] q2 = turned(Rows.columns(q, from + plain, from + size), frequencies, neighbours);
      int at = head * (plain + values);
      double[][] k = Rows.columns(wide, at, at + plain);
      for (int i = 0; i < x.length; i++) {
        double[] scores = new double[i + 1];
        for (int j = 0; j <= i; j++) {
          scores[j] = (dot(q1[i], k[j]) + dot(q2[i], shared[j])) / Math.sqrt(size);
        }
        double[] weights = Rows.softmax(scores);
        for (int j = 0; j <= i; j++) {
          for (int d = 0; d < values; d++) {
            out[i][head * values + d] += weights[j] * wide[j][at + plain + d];
          }
        }
      }
    }
    return model.linear(out, name + "o_proj", x[0].length, bias);
  }

  private static double[][] inner(ReferenceModel model, double[][] x, String name) {
    double[] gain = model.tensors.vector(name + ".weight", x[0].length, 1, 0.2);
    return Rows.rmsNorm(x, gain, INNER_EPSILON);
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static double[][] turned(double[][] x, double[] frequencies, boolean neighbours) {
    double[][] out = Rows.map(x, value -> value);
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < frequencies.length; i++) {
        int first = neighbours ? 2 * i : i;
        int second = neighbours ? 2 * i + 1 : i + frequencies.length;
        double cos = Math.cos(t * frequencies[i]);
        double sin = Math.sin(t * frequencies[i]);
        out[t][first] = x[t][first] * cos - x[t][second] * sin;
        out[t][second] = x[t][second] * cos + x[t][first] * sin;
      }
    }
    return out;
  }

  /**
   * A gated delta net, one head of the values after the other.
   *
   * @param fused whether the inputs of a key head and its value heads come from two modules
   */
  static double[][] deltaNet(
      ReferenceModel model, double[][] x, String name, boolean fused, double epsilon) {
    int keyHeads = model.integer("linear_num_key_heads");
    int heads = model.integer("linear_num_value_heads");
    int keySize = model.integer("linear_key_head_dim");
    int valueSize = model.integer("linear_value_head_dim");
    int share = heads / keyHeads;
    int keys = keyHeads * keySize;
    int values = heads * valueSize;
    double[][] mixed = new double[x.length][2 * keys + values];
    double[][] gate = new double[x.length][values];
    double[][] correction = new double[x.length][heads];
    double[][] decay = new double[x.length][heads];
    if (fused) {
      double[][] wide = model.linear(x, name + "in_proj_qkvz", 2 * keys + 2 * values, false);
      double[][] narrow = model.linear(x, name + "in_proj_ba", 2 * heads, false);
      int group = 2 * keySize + 2 * share * valueSize;
      for (int head = 0; head < keyHeads; head++) {
        int at = head * group;
        copy(wide, at, keySize, mixed, head * keySize);
        copy(wide, at + keySize, keySize, mixed, keys + head * keySize);
        int own = share * valueSize;
        copy(wide, at + 2 * keySize, own, mixed, 2 * keys + head * own);
        copy(wide, at + 2 * keySize + own, own, gate, head * own);
        copy(narrow, 2 * head * share, share, correction, head * share);
        copy(narrow, (2 * head + 1) * share, share, decay, head * share);
      }
    } else {
      mixed = model.linear(x, name + "in_proj_qkv", 2 * keys + values, false);
      gate = model.linear(x, name + "in_proj_z", values, false);
      correction = model.linear(x, name + "in_proj_b", heads, false);
      decay = model.linear(x, name + "in_proj_a", heads, false);
    }
    double[][] convolved = convolved(model, mixed, name);
    double[] logs = model.tensors.vector(name + "A_log", heads, 0.3, 0.5);
    double[] steps = model.tensors.vector(name + "dt_bias", heads, 0, 0.5);
    double[] gain = model.tensors.vector(name + "norm.weight", valueSize, 1, 0.2);
    double[][] out = new double[x.length][values];
    for (int head = 0; head < heads; head++) {
      int key = head / share * keySize;
      double[][] q = Rows.columns(convolved, key, key + keySize);
      double[][] k = Rows.columns(convolved, keys + key, keys + key + keySize);
      double[][] state = new double[keySize][valueSize];
      for (int t = 0; t < x.length; t++) {
        double kept =
            Math.exp(-Math.exp(logs[head]) * Math.log1p(Math.exp(decay[t][head] + steps[head])));
        double beta = 1 / (1 + Math.exp(-correction[t][head]));
        double rootQ = Math.sqrt(dot(q[t], q[t]) + 1e-6) * Math.sqrt(keySize);
        double rootK = Math.sqrt(dot(k[t], k[t]) + 1e-6);
        double[] y = new double[valueSize];
        for (int j = 0; j < valueSize; j++) {
          double expected = 0;
          for (int i = 0; i < keySize; i++) {
            state[i][j] *= kept;
            expected += k[t][i] / rootK * state[i][j];
          }
          double value = convolved[t][2 * keys + head * valueSize + j];
          for (int i = 0; i < keySize; i++) {
            state[i][j] += k[t][i] / rootK * beta * (value - expected);
            y[j] += q[t][i] / rootQ * state[i][j];
          }
        }
        double[] normed = Rows.rmsNorm(new double[][] {y}, gain, epsilon)[0];
        for (int j = 0; j < valueSize; j++) {
          double z = gate[t][head * valueSize + j];
          out[t][head * valueSize + j] = normed[j] * z / (1 + Math.exp(-z));
        }
      }
    }
    return model.linear(out, name + "out_proj", x[0].length, false);
  }

  private static void copy(double[][] from, int at, int count, double[][] to, int where) {
    for (int t = 0; t < from.length; t++) {
      System.arraycopy(from[t], at, to[t], where, count);
    }
  }

  private static double[][] convolved(ReferenceModel model, double[][] x, String name) {
    int channels = x[0].length;
    int kernel = model.integer("linear_conv_kernel_dim");
    float[] weights = model.tensors.get(name + "conv1d.weight", 0, 0.6, channels, 1, kernel);
    double[][] out = new double[x.length][channels];
    for (int t = 0; t < x.length; t++) {
      for (int c = 0; c < channels; c++) {
        double sum = 0;
        for (int j = Math.max(0, kernel - 1 - t); j < kernel; j++) {
          sum += weights[c * kernel + j] * x[t - kernel + 1 + j][c];
        }
        out[t][c] = sum / (1 + Math.exp(-sum));
      }
    }
    return out;
  }
}
