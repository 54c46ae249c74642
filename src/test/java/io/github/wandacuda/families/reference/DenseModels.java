package io.github.wandacuda.families.reference;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/** The dense families from 2024 on. */
final class DenseModels extends ReferenceModel {
  /** Their types. */
  static final List<String> TYPES =
      List.of(
          "gemma3_text",
          "olmo",
          "olmo2",
          "olmo3",
          "ernie4_5",
          "cwm",
          "granite",
          "smollm3",
          "cohere",
          "cohere2",
          "glm",
          "glm4",
          "starcoder2",
          "stablelm",
          "nemotron",
          "arcee",
          "exaone4",
          "hunyuan_v1_dense",
          "seed_oss",
          "helium",
          "apertus",
          "ministral3");

  /** Before and after attention, before and after the MLP. */
  private static final Map<String, String> NORMS =
      Map.of(
          "gemma3_text",
          "input_layernorm post_attention_layernorm pre_feedforward_layernorm"
              + " post_feedforward_layernorm",
          "glm4",
          "input_layernorm post_self_attn_layernorm post_attention_layernorm post_mlp_layernorm",
          "olmo2",
          "- post_attention_layernorm - post_feedforward_layernorm",
          "apertus",
          "attention_layernorm - feedforward_layernorm -");

  private final String type;
  private final int hidden;
  private final int heads;
  private final int shared;
  private final int size;
  private final boolean parallel;

  DenseModels(String config, String dtype, String prefix, long seed) {
    super(config, dtype, prefix, seed);
    type = text("model_type", "");
    hidden = integer("hidden_size");
    heads = integer("num_attention_heads");
    shared = integer("num_key_value_heads", heads);
    size = integer("head_dim", hidden / heads);
    parallel = is("cohere", "cohere2") || flag("use_parallel_residual", false);
  }

  private boolean is(String... types) {
    return Arrays.asList(types).contains(type);
  }

  private double[][] norm(double[][] x, String name) {
    int width = x[0].length;
    if (is("olmo")) {
      return Rows.layerNorm(x, null, null, 1e-5);
    }
    if (is("cohere", "cohere2", "stablelm", "starcoder2", "nemotron")) {
      double[] gain = tensors.vector(name + ".weight", width, is("nemotron") ? 0 : 1, 0.2);
      double[] bias =
          is("cohere", "cohere2")
              ? new double[width]
              : tensors.vector(name + ".bias", width, 0, 0.2);
      String key = is("nemotron") ? "norm_eps" : "norm_epsilon";
      return Rows.layerNorm(x, plus(gain, is("nemotron")), bias, number(key, 1e-5));
    }
    boolean offset = is("gemma3_text");
    double[] gain = tensors.vector(name + ".weight", width, offset ? 0 : 1, 0.2);
    return Rows.rmsNorm(x, plus(gain, offset), number("rms_norm_eps", 1e-6));
  }

  private static double[] plus(double[] gain, boolean one) {
    return one ? Arrays.stream(gain).map(value -> 1 + value).toArray() : gain;
  }

  @Override
  public double[][] logits(int[] tokens) {
    int vocabulary = integer("vocab_size");
    String table = prefix + "embed_tokens.weight";
    double scale = is("gemma3_text") ? Math.sqrt(hidden) : number("embedding_multiplier", 1);
    double[][] x = Rows.map(lookUp(table, vocabulary, hidden, tokens), value -> value * scale);
    for (int block = 0; block < integer("num_hidden_layers"); block++) {
      x = block(x, block, prefix + "layers." + block + ".");
    }
    boolean tied = flag("tie_word_embeddings", is("gemma3_text", "cohere", "cohere2"));
    double[][] head =
        tied
            ? tensors.matrix(table, vocabulary, hidden, 1)
            : tensors.matrix("lm_head.weight", vocabulary, hidden, 1 / Math.sqrt(hidden));
    double factor = number("logit_scale", 1) / number("logits_scaling", 1);
    double cap = number("final_logit_softcapping", 0);
    return Rows.map(
        product(norm(x, prefix + "norm"), head, null),
        value -> cap == 0 ? value * factor : cap * Math.tanh(value / cap));
  }

  private double[][] block(double[][] input, int block, String name) {
    String key = is("olmo3", "exaone4") ? "olmo2" : type;
    String[] norms =
        NORMS.getOrDefault(key, "input_layernorm - post_attention_layernorm -").split(" ");
    double[][] first = normed(input, name, norms[0]);
    double[][] attended = normed(attention(first, block, name + "self_attn."), name, norms[1]);
    double factor = number("residual_multiplier", 1);
    double[][] sum = Rows.add(input, Rows.map(attended, value -> value * factor));
    double[][] second = parallel ? first : normed(sum, name, norms[2]);
    double[][] out = normed(mlp(second, name + "mlp."), name, norms[3]);
    return Rows.add(sum, Rows.map(out, value -> value * factor));
  }

  private double[][] normed(double[][] x, String block, String name) {
    return name.equals("-") ? x : norm(x, block + name);
  }

  private double[][] attention(double[][] x, int block, String name) {
    boolean bias =
        flag("attention_bias", is("seed_oss"))
            || flag("use_qkv_bias", false)
            || flag("use_bias", is("starcoder2"));
    boolean outBias =
        is("seed_oss")
            ? flag("attention_out_bias", false)
            : bias && !is("glm", "glm4", "helium", "stablelm");
    AttentionReference attention = new AttentionReference(heads, shared, size);
    attention.window = window(block);
    if (is("granite", "gemma3_text")) {
      attention.scale =
          is("granite")
              ? number("attention_multiplier", 1)
              : 1 / Math.sqrt(number("query_pre_attn_scalar", 256));
    }
    attention.interleaved = is("cohere", "cohere2", "glm", "glm4", "helium", "ernie4_5");
    if (rotated(block)) {
      turn(attention, block, x.length);
    }
    double[][] q = linear(x, name + "q_proj", heads * size, bias);
    double[][] k = linear(x, name + "k_proj", shared * size, bias);
    double[][] v = linear(x, name + "v_proj", shared * size, bias);
    if (is("hunyuan_v1_dense")) {
      q = attention.rotated(q);
      k = attention.rotated(k);
      attention.frequencies = null;
    }
    q = clipped(headNorm(q, name, "q"));
    k = clipped(headNorm(k, name, "k"));
    return linear(attention.run(q, k, clipped(v)), name + "o_proj", hidden, outBias);
  }

  private double[][] headNorm(double[][] x, String name, String of) {
    if (is("olmo2", "olmo3")) {
      return norm(x, name + of + "_norm");
    }
    boolean own = flag("use_qk_norm", false) || flag("qk_layernorm", false);
    if (!own && !is("gemma3_text", "exaone4", "hunyuan_v1_dense", "apertus")) {
      return x;
    }
    String rms =
        is("hunyuan_v1_dense")
            ? (of.equals("q") ? "query_layernorm" : "key_layernorm")
            : of + "_norm";
    double[][] out = Rows.map(x, value -> value);
    for (int from = 0; from < x[0].length; from += size) {
      double[][] head = Rows.columns(x, from, from + size);
      double[][] normed =
          own
              ? Rows.layerNorm(
                  head, gain(x[0].length / size, from / size, name + of), new double[size], 1e-5)
              : norm(head, name + rms);
      for (int t = 0; t < x.length; t++) {
        System.arraycopy(normed[t], 0, out[t], from, size);
      }
    }
    return out;
  }

  private double[] gain(int count, int head, String name) {
    return is("cohere")
        ? tensors.matrix(name + "_norm.weight", count, size, 1)[head]
        : tensors.vector(name + "_layernorm.norms." + head + ".weight", size, 1, 0.2);
  }

  private boolean windowed(int block) {
    if (config.hasNonNull("layer_types")) {
      return config.get("layer_types").get(block).asText().startsWith("sliding");
    }
    JsonNode pattern = config.path("sliding_window_pattern");
    if (pattern.isTextual()) {
      String letters = pattern.asText();
      return block < integer("num_hidden_layers") - 1
          && letters.charAt(block % letters.length()) == 'L';
    }
    return switch (type) {
      case "starcoder2", "ministral3" -> true;
      case "cwm" -> block % 4 != 0;
      case "smollm3" -> flag("use_sliding_window", false) && !rotated(block);
      case "gemma3_text", "cohere2", "olmo3", "exaone4" ->
          (block + 1) % pattern.asInt(is("gemma3_text") ? 6 : 4) != 0;
      default -> false;
    };
  }

  private int window(int block) {
    return windowed(block) ? integer("sliding_window", 0) : 0;
  }

  private boolean rotated(int block) {
    return switch (type) {
      case "smollm3" ->
          config.hasNonNull("no_rope_layers")
              ? config.get("no_rope_layers").get(block).asInt() == 1
              : (block + 1) % integer("no_rope_layer_interval", 4) != 0;
      case "cohere2" -> windowed(block);
      case "exaone4" -> !config.hasNonNull("sliding_window") || windowed(block);
      default -> true;
    };
  }

  /** Sets the angles, and the factor of what is turned. */
  private void turn(AttentionReference attention, int block, int length) {
    JsonNode rope =
        config.hasNonNull("rope_parameters")
            ? config.get("rope_parameters")
            : config.path("rope_scaling");
    String layers = windowed(block) ? "sliding_attention" : "full_attention";
    boolean scaled = !windowed(block) || !is("olmo3", "gemma3_text") || rope.has(layers);
    rope = rope.has(layers) ? rope.get(layers) : rope;
    double part =
        rope.path("partial_rotary_factor")
            .asDouble(
                number(
                    "partial_rotary_factor",
                    is("glm", "glm4", "nemotron") ? 0.5 : is("stablelm") ? 0.25 : 1));
    double theta =
        rope.path("rope_theta")
            .asDouble(
                number(
                    "rope_theta",
                    switch (type) {
                      case "smollm3" -> 2e6;
                      case "helium" -> 1e5;
                      case "cwm" -> 1e6;
                      case "ernie4_5" -> 5e5;
                      case "apertus" -> 12e6;
                      default -> 1e4;
                    }));
    int features = (int) (size * part);
    String kind = scaled ? rope.path("rope_type").asText("default") : "default";
    double factor = rope.path("factor").asDouble(1);
    double[] plain = frequencies(features, theta);
    attention.frequencies =
        switch (kind) {
          case "linear" -> Arrays.stream(plain).map(f -> f / factor).toArray();
          case "dynamic" -> {
            double most = integer("max_position_embeddings");
            double times = factor * Math.max(length, most) / most - factor + 1;
            yield frequencies(features, theta * Math.pow(times, features / (features - 2.0)));
          }
          case "longrope" -> {
            JsonNode lists =
                rope.get(
                    length > integer("original_max_position_embeddings")
                        ? "long_factor"
                        : "short_factor");
            for (int i = 0; i < plain.length; i++) {
              plain[i] /= lists.get(i).asDouble();
            }
            double trained = integer("original_max_position_embeddings");
            double times = integer("max_position_embeddings") / trained;
            attention.factor = Math.sqrt(1 + Math.log(times) / Math.log(trained));
            yield plain;
          }
          case "yarn" -> {
            attention.factor = 0.1 * Math.log(factor) + 1;
            double trained = rope.get("original_max_position_embeddings").asDouble();
            double low = yarnPair(features, theta, trained / 32);
            double high = yarnPair(features, theta, trained);
            if (rope.path("truncate").asBoolean(true)) {
              low = Math.floor(low);
              high = Math.ceil(high);
            }
            low = Math.max(0, low);
            high = Math.min(features - 1, high);
            for (int i = 0; i < plain.length; i++) {
              double ramp = Math.clamp((i - low) / (high - low), 0, 1);
              plain[i] *= 1 - ramp + ramp / factor;
            }
            yield plain;
          }
          default -> plain;
        };
  }

  private static double yarnPair(int features, double theta, double length) {
    return features * Math.log(length / (2 * Math.PI)) / (2 * Math.log(theta));
  }

  private double[][] mlp(double[][] x, String name) {
    int wide = integer("intermediate_size");
    boolean bias = flag("use_bias", is("starcoder2")) || flag("mlp_bias", false);
    if (is("glm", "glm4")) {
      double[][] both = linear(x, name + "gate_up_proj", 2 * wide, false);
      double[][] gate = Rows.map(Rows.columns(both, 0, wide), Rows.activation("silu"));
      double[][] up = Rows.columns(both, wide, 2 * wide);
      return linear(Rows.multiply(gate, up), name + "down_proj", hidden, false);
    }
    if (is("starcoder2", "nemotron", "arcee", "apertus")) {
      String up = is("starcoder2") ? "c_fc" : "up_proj";
      String down = is("starcoder2") ? "c_proj" : "down_proj";
      DoubleUnaryOperator between =
          is("starcoder2")
              ? Rows.activation("gelu_new")
              : is("apertus") ? xielu(name) : value -> Math.pow(Math.max(value, 0), 2);
      double[][] inner = Rows.map(linear(x, name + up, wide, bias), between);
      return linear(inner, name + down, hidden, bias);
    }
    String activation = is("gemma3_text") ? "gelu_new" : "silu";
    double[][] gate =
        Rows.map(linear(x, name + "gate_proj", wide, bias), Rows.activation(activation));
    double[][] up = linear(x, name + "up_proj", wide, bias);
    return linear(Rows.multiply(gate, up), name + "down_proj", hidden, bias);
  }

  private DoubleUnaryOperator xielu(String name) {
    double positive = softplus(tensors.vector(name + "act_fn.alpha_p", 1, 0.5, 0.3)[0]);
    double beta = tensors.vector(name + "act_fn.beta", 1, 0.5, 0)[0];
    double negative = beta + softplus(tensors.vector(name + "act_fn.alpha_n", 1, 0.5, 0.3)[0]);
    return x ->
        x > 0
            ? positive * x * x + beta * x
            : negative * (Math.expm1(Math.min(x, -1e-6)) - x) + beta * x;
  }

  private static double softplus(double x) {
    return Math.log(1 + Math.exp(x));
  }
}
