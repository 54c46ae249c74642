package io.github.wandacuda.families.reference;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** LLaMA and those after it. */
final class RmsNormModels extends ReferenceModel {
  private final String type;
  private final int hidden;

  RmsNormModels(String config, String dtype, String prefix, long seed) {
    super(config, dtype, prefix, seed);
    type = text("model_type", "");
    hidden = integer("hidden_size");
  }

  private boolean gemma() {
    return type.startsWith("gemma");
  }

  private boolean hybrid() {
    return type.equals("qwen3_next") || type.equals("qwen3_5_text");
  }

  private double[][] norm(double[][] x, String name) {
    boolean aroundOne = gemma() || hybrid();
    double[] gain = tensors.vector(name + ".weight", x[0].length, aroundOne ? 0 : 1, 0.2);
    for (int c = 0; aroundOne && c < gain.length; c++) {
      gain[c] += 1;
    }
    return Rows.rmsNorm(x, gain, number("rms_norm_eps", 1e-6));
  }

  @Override
  public double[][] logits(int[] tokens) {
    int vocabulary = integer("vocab_size");
    String table = prefix + "embed_tokens.weight";
    double[][] x = lookUp(table, vocabulary, hidden, tokens);
    if (gemma()) {
      x = Rows.map(x, value -> value * Math.sqrt(hidden));
    }
    for (int block = 0; block < integer("num_hidden_layers"); block++) {
      x = block(x, block, prefix + "layers." + block + ".");
    }
    double[][] states = norm(x, prefix + "norm");
    boolean tied = flag("tie_word_embeddings", gemma());
    double[][] head =
        tied
            ? tensors.matrix(table, vocabulary, hidden, 1)
            : tensors.matrix("lm_head.weight", vocabulary, hidden, 1 / Math.sqrt(hidden));
    double[][] logits = product(states, head, null);
    double cap = number("final_logit_softcapping", 0);
    return cap == 0 ? logits : Rows.map(logits, value -> cap * Math.tanh(value / cap));
  }

  private double[][] block(double[][] input, int block, String name) {
    double[][] attended = attention(norm(input, name + "input_layernorm"), block, name);
    if (type.equals("gemma2")) {
      double[][] x = Rows.add(input, norm(attended, name + "post_attention_layernorm"));
      double[][] out = mlp(norm(x, name + "pre_feedforward_layernorm"), block, name);
      return Rows.add(x, norm(out, name + "post_feedforward_layernorm"));
    }
    double[][] x = Rows.add(input, attended);
    return Rows.add(x, mlp(norm(x, name + "post_attention_layernorm"), block, name));
  }

  /** Returns whether a block has a state instead of attention. */
  private boolean linear(int block) {
    if (config.hasNonNull("layer_types")) {
      return config.get("layer_types").get(block).asText().startsWith("linear");
    }
    return hybrid() && (block + 1) % integer("full_attention_interval") != 0;
  }

  private double[][] attention(double[][] x, int block, String name) {
    if (type.startsWith("deepseek")) {
      return Mixers.latent(this, x, name + "self_attn.", theta());
    }
    if (linear(block)) {
      boolean fused = type.equals("qwen3_next");
      double epsilon = number("rms_norm_eps", 1e-6);
      return Mixers.deltaNet(this, x, name + "linear_attn.", fused, epsilon);
    }
    int heads = integer("num_attention_heads");
    int shared = integer("num_key_value_heads", heads);
    int size = integer("head_dim", hidden / heads);
    AttentionReference attention = new AttentionReference(heads, shared, size);
    attention.window = window(block);
    int rotated = (int) (size * number("partial_rotary_factor", 1));
    attention.frequencies = scaled(frequencies(rotated, theta()));
    attention.softcap = number("attn_logit_softcapping", 0);
    if (type.equals("gemma2")) {
      attention.scale = 1 / Math.sqrt(integer("query_pre_attn_scalar"));
    }
    boolean bias =
        type.equals("qwen2")
            || flag("attention_bias", false)
            || (type.equals("qwen2_moe") && flag("qkv_bias", true));
    double[][] q;
    double[][] k;
    double[][] v;
    if (type.equals("phi3")) {
      int all = (heads + 2 * shared) * size;
      double[][] fused = linear(x, name + "self_attn.qkv_proj", all, false);
      q = Rows.columns(fused, 0, heads * size);
      k = Rows.columns(fused, heads * size, (heads + shared) * size);
      v = Rows.columns(fused, (heads + shared) * size, all);
    } else {
      q = linear(x, name + "self_attn.q_proj", (hybrid() ? 2 : 1) * heads * size, bias);
      k = linear(x, name + "self_attn.k_proj", shared * size, bias);
      v = linear(x, name + "self_attn.v_proj", shared * size, bias);
    }
    double[][] gates = null;
    if (hybrid()) {
      gates = everySecond(q, size, 1);
      q = everySecond(q, size, 0);
    }
    if (type.startsWith("qwen3")) {
      q = headNorm(q, name + "self_attn.q_norm", size);
      k = headNorm(k, name + "self_attn.k_norm", size);
    }
    if (type.equals("olmoe")) {
      q = norm(q, name + "self_attn.q_norm");
      k = norm(k, name + "self_attn.k_norm");
    }
    double[][] out = attention.run(clipped(q), clipped(k), clipped(v));
    if (gates != null) {
      out = Rows.multiply(Rows.map(gates, value -> 1 / (1 + Math.exp(-value))), out);
    }
    return linear(out, name + "self_attn.o_proj", hidden, flag("attention_bias", false));
  }

  /** Returns every second group of columns, from the first or the second on. */
  private static double[][] everySecond(double[][] x, int size, int first) {
    double[][] out = new double[x.length][x[0].length / 2];
    for (int t = 0; t < x.length; t++) {
      for (int c = 0; c < out[t].length; c++) {
        out[t][c] = x[t][(2 * (c / size) + first) * size + c % size];
      }
    }
    return out;
  }

  private double theta() {
    JsonNode parameters = config.path("rope_parameters");
    return parameters.has("rope_theta")
        ? parameters.get("rope_theta").doubleValue()
        : number("rope_theta", type.equals("mixtral") ? 1e6 : 10_000);
  }

  /** Linear scaling is the only kind that second sizes have. */
  private double[] scaled(double[] frequencies) {
    JsonNode scaling =
        config.hasNonNull("rope_scaling")
            ? config.get("rope_scaling")
            : config.path("rope_parameters");
    double factor = scaling.path("factor").asDouble(1);
    return Arrays.stream(frequencies).map(frequency -> frequency / factor).toArray();
  }

  private double[][] headNorm(double[][] x, String name, int size) {
    double[][] out = new double[x.length][x[0].length];
    for (int from = 0; from < x[0].length; from += size) {
      double[][] normed = norm(Rows.columns(x, from, from + size), name);
      for (int t = 0; t < x.length; t++) {
        System.arraycopy(normed[t], 0, out[t], from, size);
      }
    }
    return out;
  }

  private int window(int block) {
    int window = integer("sliding_window", 0);
    if (config.hasNonNull("layer_types")) {
      return config.get("layer_types").get(block).asText().startsWith("sliding") ? window : 0;
    }
    return switch (type) {
      case "mistral", "mixtral", "phi3" -> window;
      case "gemma2" -> block % 2 == 0 ? window : 0;
      case "qwen2", "qwen3" ->
          flag("use_sliding_window", false) && block >= integer("max_window_layers") ? window : 0;
      case "qwen2_moe", "qwen3_moe" -> flag("use_sliding_window", false) ? window : 0;
      default -> 0;
    };
  }

  private double[][] mlp(double[][] x, int block, String name) {
    if (type.equals("mixtral")) {
      return experts(x, name + "block_sparse_moe.", integer("num_local_experts"), true);
    }
    if (type.endsWith("_moe") || type.equals("qwen3_next") || type.equals("olmoe")) {
      boolean listed = false;
      for (JsonNode dense : config.path("mlp_only_layers")) {
        listed |= dense.intValue() == block;
      }
      if (!listed && (block + 1) % integer("decoder_sparse_step", 1) == 0) {
        return experts(x, name + "mlp.", integer("num_experts"), flag("norm_topk_prob", false));
      }
    }
    int wide = integer("intermediate_size");
    if (type.equals("phi3")) {
      double[][] both = linear(x, name + "mlp.gate_up_proj", 2 * wide, false);
      double[][] gate = Rows.columns(both, 0, wide);
      double[][] up = Rows.columns(both, wide, 2 * wide);
      return linear(gated(gate, up), name + "mlp.down_proj", hidden, false);
    }
    return gatedMlp(x, name + "mlp.", List.of("gate_proj", "up_proj", "down_proj"), wide);
  }

  private double[][] gated(double[][] gate, double[][] up) {
    String fallback = gemma() ? "gelu_pytorch_tanh" : "silu";
    String activation = text("hidden_activation", text("hidden_act", fallback));
    return Rows.multiply(Rows.map(gate, Rows.activation(activation)), up);
  }

  private double[][] gatedMlp(double[][] x, String name, List<String> parts, int wide) {
    boolean bias = flag("mlp_bias", false);
    double[][] gate = linear(x, name + parts.get(0), wide, bias);
    double[][] up = linear(x, name + parts.get(1), wide, bias);
    return linear(gated(gate, up), name + parts.get(2), hidden, bias);
  }

  private double[][] experts(double[][] x, String name, int count, boolean renormalize) {
    double[][] logits = linear(x, name + "gate", count, false);
    int chosen = integer("num_experts_per_tok");
    double[][] out = new double[x.length][hidden];
    double[][] weights = new double[x.length][count];
    for (int t = 0; t < x.length; t++) {
      double[] p = Rows.softmax(logits[t]);
      double[] sorted = logits[t].clone();
      Arrays.sort(sorted);
      double cut = sorted[count - chosen];
      double sum = 0;
      for (int e = 0; e < count; e++) {
        weights[t][e] = logits[t][e] >= cut ? p[e] : 0;
        sum += weights[t][e];
      }
      if (chosen < count) {
        routed(cut - sorted[count - chosen - 1]);
      }
      for (int e = 0; renormalize && e < count; e++) {
        weights[t][e] /= sum;
      }
    }
    for (int e = 0; e < count; e++) {
      addExpert(x, weights, e, name, out);
    }
    if (type.equals("qwen2_moe") || type.equals("qwen3_next")) {
      double[][] gate = linear(x, name + "shared_expert_gate", 1, false);
      double[][] shared =
          gatedMlp(
              x,
              name + "shared_expert.",
              List.of("gate_proj", "up_proj", "down_proj"),
              integer("shared_expert_intermediate_size"));
      for (int t = 0; t < x.length; t++) {
        for (int c = 0; c < hidden; c++) {
          out[t][c] += shared[t][c] / (1 + Math.exp(-gate[t][0]));
        }
      }
    }
    return out;
  }

  private void addExpert(double[][] x, double[][] weights, int e, String name, double[][] out) {
    List<Integer> tokens = new ArrayList<>();
    for (int t = 0; t < x.length; t++) {
      if (weights[t][e] > 0) {
        tokens.add(t);
      }
    }
    double[][] some = new double[tokens.size()][];
    for (int i = 0; i < some.length; i++) {
      some[i] = x[tokens.get(i)];
    }
    boolean mixtral = type.equals("mixtral");
    List<String> parts =
        mixtral ? List.of("w1", "w3", "w2") : List.of("gate_proj", "up_proj", "down_proj");
    boolean own = mixtral || type.equals("olmoe");
    int wide = integer(own ? "intermediate_size" : "moe_intermediate_size");
    if (some.length == 0) {
      // The checkpoint has it all the same.
      tensors.matrix(name + "experts." + e + "." + parts.get(0) + ".weight", wide, hidden, 1);
      tensors.matrix(name + "experts." + e + "." + parts.get(1) + ".weight", wide, hidden, 1);
      tensors.matrix(name + "experts." + e + "." + parts.get(2) + ".weight", hidden, wide, 1);
      return;
    }
    double[][] result = gatedMlp(some, name + "experts." + e + ".", parts, wide);
    for (int i = 0; i < some.length; i++) {
      int t = tokens.get(i);
      for (int c = 0; c < hidden; c++) {
        out[t][c] += weights[t][e] * result[i][c];
      }
    }
  }
}
