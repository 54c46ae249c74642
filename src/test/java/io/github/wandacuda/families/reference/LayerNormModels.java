package io.github.wandacuda.families.reference;

import java.util.Arrays;
import java.util.stream.IntStream;

/** GPT-2, OPT, GPT-NeoX, BLOOM and Falcon. */
final class LayerNormModels extends ReferenceModel {
  private final String type;
  private final int hidden;
  private final int heads;
  private final double epsilon;

  LayerNormModels(String config, String dtype, String prefix, long seed) {
    super(config, dtype, prefix, seed);
    type = text("model_type", "");
    hidden = type.equals("gpt2") ? integer("n_embd") : integer("hidden_size");
    heads = this.config.has("n_head") ? integer("n_head") : integer("num_attention_heads");
    epsilon =
        switch (type) {
          case "opt" -> 1e-5;
          case "gpt_neox" -> number("layer_norm_eps", 1e-5);
          default -> number("layer_norm_epsilon", 1e-5);
        };
  }

  @Override
  public double[][] logits(int[] tokens) {
    return switch (type) {
      case "gpt2" -> gpt2(tokens);
      case "opt" -> opt(tokens);
      case "gpt_neox" -> neox(tokens);
      case "bloom" -> bloom(tokens);
      default -> falcon(tokens);
    };
  }

  private double[][] norm(double[][] x, String name) {
    return layerNorm(x, name, epsilon);
  }

  private double[][] head(double[][] states, String own, String table, int width) {
    int vocabulary = integer("vocab_size");
    boolean tied = flag("tie_word_embeddings", !type.equals("gpt_neox"));
    String name = tied ? table : own;
    return product(states, tensors.matrix(name, vocabulary, width, 1), null);
  }

  private double[][] gpt2(int[] tokens) {
    String table = prefix + "wte.weight";
    double[][] x = lookUp(table, integer("vocab_size"), hidden, tokens);
    int[] places = IntStream.range(0, tokens.length).toArray();
    x = Rows.add(x, lookUp(prefix + "wpe.weight", integer("n_positions"), hidden, places));
    for (int block = 0; block < integer("n_layer"); block++) {
      String name = prefix + "h." + block + ".";
      AttentionReference attention = new AttentionReference(heads, heads, hidden / heads);
      if (!flag("scale_attn_weights", true)) {
        attention.scale = 1;
      }
      if (flag("scale_attn_by_inverse_layer_idx", false)) {
        attention.scale /= block + 1;
      }
      double[][] fused = conv1d(norm(x, name + "ln_1"), name + "attn.c_attn", 3 * hidden);
      double[][] attended =
          attention.run(
              Rows.columns(fused, 0, hidden),
              Rows.columns(fused, hidden, 2 * hidden),
              Rows.columns(fused, 2 * hidden, 3 * hidden));
      x = Rows.add(x, conv1d(attended, name + "attn.c_proj", hidden));
      int wide = integer("n_inner", 4 * hidden);
      double[][] up = conv1d(norm(x, name + "ln_2"), name + "mlp.c_fc", wide);
      double[][] active = Rows.map(up, Rows.activation(text("activation_function", "gelu_new")));
      x = Rows.add(x, conv1d(active, name + "mlp.c_proj", hidden));
    }
    return head(norm(x, prefix + "ln_f"), "lm_head.weight", table, hidden);
  }

  private double[][] opt(int[] tokens) {
    int width = integer("word_embed_proj_dim", hidden);
    boolean bias = flag("enable_bias", true);
    boolean first = flag("do_layer_norm_before", true);
    String table = prefix + "embed_tokens.weight";
    double[][] x = lookUp(table, integer("vocab_size"), width, tokens);
    if (width != hidden) {
      x = plain(x, prefix + "project_in", hidden, false);
    }
    int[] places = IntStream.range(2, tokens.length + 2).toArray();
    int positions = integer("max_position_embeddings") + 2;
    x = Rows.add(x, lookUp(prefix + "embed_positions.weight", positions, hidden, places));
    for (int block = 0; block < integer("num_hidden_layers"); block++) {
      String name = prefix + "layers." + block + ".";
      double[][] input = first ? optNorm(x, name + "self_attn_layer_norm") : x;
      double[][] attended =
          new AttentionReference(heads, heads, hidden / heads)
              .run(
                  linear(input, name + "self_attn.q_proj", hidden, bias),
                  linear(input, name + "self_attn.k_proj", hidden, bias),
                  linear(input, name + "self_attn.v_proj", hidden, bias));
      x = Rows.add(x, linear(attended, name + "self_attn.out_proj", hidden, bias));
      x = first ? x : optNorm(x, name + "self_attn_layer_norm");
      double[][] between = first ? optNorm(x, name + "final_layer_norm") : x;
      double[][] up = linear(between, name + "fc1", integer("ffn_dim"), bias);
      double[][] active = Rows.map(up, Rows.activation(text("activation_function", "relu")));
      x = Rows.add(x, linear(active, name + "fc2", hidden, bias));
      x = first ? x : optNorm(x, name + "final_layer_norm");
    }
    if (first && !flag("_remove_final_layer_norm", false)) {
      x = optNorm(x, prefix + "final_layer_norm");
    }
    if (width != hidden) {
      x = plain(x, prefix + "project_out", width, false);
    }
    return head(x, "lm_head.weight", table, width);
  }

  private double[][] optNorm(double[][] x, String name) {
    return flag("layer_norm_elementwise_affine", true)
        ? norm(x, name)
        : Rows.layerNorm(x, null, null, epsilon);
  }

  private double[][] neox(int[] tokens) {
    String table = prefix + "embed_in.weight";
    double[][] x = lookUp(table, integer("vocab_size"), hidden, tokens);
    int size = hidden / heads;
    boolean bias = flag("attention_bias", true);
    AttentionReference attention = new AttentionReference(heads, heads, size);
    attention.frequencies =
        frequencies((int) (size * number("rotary_pct", 0.25)), number("rotary_emb_base", 10_000));
    for (int block = 0; block < integer("num_hidden_layers"); block++) {
      String name = prefix + "layers." + block + ".";
      double[][] fused =
          linear(
              norm(x, name + "input_layernorm"),
              name + "attention.query_key_value",
              3 * hidden,
              bias);
      double[][] attended =
          linear(grouped(fused, attention), name + "attention.dense", hidden, bias);
      double[][] sum = Rows.add(x, attended);
      double[][] from = flag("use_parallel_residual", true) ? x : sum;
      double[][] up =
          linear(
              norm(from, name + "post_attention_layernorm"),
              name + "mlp.dense_h_to_4h",
              integer("intermediate_size"),
              true);
      double[][] active = Rows.map(up, Rows.activation(text("hidden_act", "gelu")));
      x = Rows.add(sum, linear(active, name + "mlp.dense_4h_to_h", hidden, true));
    }
    return head(norm(x, prefix + "final_layer_norm"), "embed_out.weight", table, hidden);
  }

  /** Attention of a fused output in which each key and value head follows its queries. */
  private static double[][] grouped(double[][] fused, AttentionReference attention) {
    int size = attention.size;
    int share = attention.heads / attention.shared;
    double[][] q = new double[fused.length][attention.heads * size];
    double[][] k = new double[fused.length][attention.shared * size];
    double[][] v = new double[fused.length][attention.shared * size];
    for (int t = 0; t < fused.length; t++) {
      for (int group = 0; group < attention.shared; group++) {
        int from = group * (share + 2) * size;
        System.arraycopy(fused[t], from, q[t], group * share * size, share * size);
        System.arraycopy(fused[t], from + share * size, k[t], group * size, size);
        System.arraycopy(fused[t], from + (share + 1) * size, v[t], group * size, size);
      }
    }
    return attention.run(q, k, v);
  }

  /** [heads][positions], as the paper's code makes slopes for any number of heads. */
  private static double[][] alibi(int heads, int positions) {
    int most = 1;
    while (2 * most <= heads) {
      most *= 2;
    }
    double[][] bias = new double[heads][positions];
    for (int head = 0; head < heads; head++) {
      double slope =
          head < most
              ? Math.pow(2, -8.0 / most * (head + 1))
              : Math.pow(2, -4.0 / most * (2 * (head - most) + 1));
      for (int j = 0; j < positions; j++) {
        bias[head][j] = slope * j;
      }
    }
    return bias;
  }

  private double[][] bloom(int[] tokens) {
    String table = prefix + "word_embeddings.weight";
    double[][] x = lookUp(table, integer("vocab_size"), hidden, tokens);
    x = norm(x, prefix + "word_embeddings_layernorm");
    AttentionReference attention = new AttentionReference(heads, heads, hidden / heads);
    attention.bias = alibi(heads, tokens.length);
    boolean normedResidual = flag("apply_residual_connection_post_layernorm", false);
    for (int block = 0; block < integer("n_layer"); block++) {
      String name = prefix + "h." + block + ".";
      double[][] normed = norm(x, name + "input_layernorm");
      double[][] fused = linear(normed, name + "self_attention.query_key_value", 3 * hidden, true);
      double[][] attended =
          linear(grouped(fused, attention), name + "self_attention.dense", hidden, true);
      x = Rows.add(normedResidual ? normed : x, attended);
      normed = norm(x, name + "post_attention_layernorm");
      double[][] up = linear(normed, name + "mlp.dense_h_to_4h", 4 * hidden, true);
      double[][] active = Rows.map(up, Rows.activation("gelu_new"));
      double[][] out = linear(active, name + "mlp.dense_4h_to_h", hidden, true);
      x = Rows.add(normedResidual ? normed : x, out);
    }
    return head(norm(x, prefix + "ln_f"), "lm_head.weight", table, hidden);
  }

  private double[][] falcon(int[] tokens) {
    String table = prefix + "word_embeddings.weight";
    double[][] x = lookUp(table, integer("vocab_size"), hidden, tokens);
    boolean grouped = flag("new_decoder_architecture", false);
    boolean parallel = grouped || flag("parallel_attn", true);
    boolean bias = flag("bias", false);
    int size = hidden / heads;
    int shared = grouped ? integer("num_kv_heads") : flag("multi_query", true) ? 1 : heads;
    AttentionReference attention = new AttentionReference(heads, shared, size);
    if (flag("alibi", false)) {
      double[][] exact = alibi(heads, tokens.length);
      attention.bias = new double[heads][];
      for (int head = 0; head < heads; head++) {
        double slope = brain(exact[head].length > 1 ? exact[head][1] : 0);
        attention.bias[head] =
            IntStream.range(0, tokens.length)
                .mapToDouble(j -> brain(slope * brain(j)) / Math.sqrt(size))
                .toArray();
      }
    } else {
      attention.frequencies = frequencies(size, number("rope_theta", 10_000));
    }
    boolean two = grouped && integer("num_ln_in_parallel_attn", 2) == 2;
    for (int block = 0; block < integer("num_hidden_layers"); block++) {
      String name = prefix + "h." + block + ".";
      double[][] before = norm(x, name + (two ? "ln_attn" : "input_layernorm"));
      double[][] fused =
          linear(
              before, name + "self_attention.query_key_value", (heads + 2 * shared) * size, bias);
      double[][] attended =
          linear(grouped(fused, attention), name + "self_attention.dense", hidden, bias);
      double[][] sum = Rows.add(x, attended);
      double[][] between = before;
      if (two) {
        between = norm(x, name + "ln_mlp");
      } else if (!parallel) {
        between = norm(sum, name + "post_attention_layernorm");
      }
      int wide = integer("ffn_hidden_size", 4 * hidden);
      double[][] up = linear(between, name + "mlp.dense_h_to_4h", wide, bias);
      double[][] active = Rows.map(up, Rows.activation(text("activation", "gelu")));
      x = Rows.add(sum, linear(active, name + "mlp.dense_4h_to_h", hidden, bias));
    }
    return head(norm(x, prefix + "ln_f"), "lm_head.weight", table, hidden);
  }

  /** Rounds to bfloat16, ties to even. */
  private static double brain(double value) {
    float single = (float) value;
    float below = Float.intBitsToFloat(Float.floatToRawIntBits(single) & 0xffff_0000);
    float above = Float.intBitsToFloat(Float.floatToRawIntBits(below) + 0x1_0000);
    double down = (double) single - below;
    double up = (double) above - single;
    boolean even = (Float.floatToRawIntBits(below) >> 16 & 1) == 0;
    return down < up || (down == up && even) ? below : above;
  }

  @Override
  public String toString() {
    return type + Arrays.asList(hidden, heads);
  }
}
