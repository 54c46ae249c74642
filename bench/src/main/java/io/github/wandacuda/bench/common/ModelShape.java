package io.github.wandacuda.bench.common;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The sizes of a LLaMA. */
public record ModelShape(
    int layers, int hidden, int intermediate, int heads, int keyValueHeads, int vocabulary) {
  private static final int BF16_BYTES = 2;
  private static final String EMBEDDING = "model.embed_tokens.weight";

  /**
   * A tensor of it.
   *
   * @param name as in a checkpoint
   * @param shape one size for a norm's gain, or [outputs, inputs]
   */
  public record Tensor(String name, List<Integer> shape) {
    public long elements() {
      return shape.stream().mapToLong(size -> size).reduce(1, (a, b) -> a * b);
    }

    public long bytes() {
      return elements() * BF16_BYTES;
    }

    public boolean isLinear() {
      return name.endsWith("_proj.weight");
    }

    boolean isEmbedding() {
      return name.equals(EMBEDDING);
    }

    /** Returns the name of the module that it belongs to. */
    public String module() {
      return name.substring(0, name.length() - ".weight".length());
    }
  }

  public static ModelShape of(JsonNode node) {
    return new ModelShape(
        node.required("layers").intValue(),
        node.required("hidden").intValue(),
        node.required("intermediate").intValue(),
        node.required("heads").intValue(),
        node.required("key_value_heads").intValue(),
        node.required("vocabulary").intValue());
  }

  /** Returns a shape of so many bytes, about: layers of one kind, tables that grow with them. */
  public static ModelShape ofBytes(long bytes) {
    ModelShape layer = new ModelShape(1, 2048, 5504, 16, 16, 1000);
    int layers = (int) Math.max(1, Math.round((double) bytes / layer.bytes()));
    return new ModelShape(layers, 2048, 5504, 16, 16, 1000 * layers);
  }

  public ModelShape withLayers(int count) {
    return new ModelShape(count, hidden, intermediate, heads, keyValueHeads, vocabulary);
  }

  /** Returns all tensors in the order in which files hold them. */
  public List<Tensor> tensors() {
    int keys = hidden / heads * keyValueHeads;
    List<Tensor> tensors = new ArrayList<>();
    tensors.add(new Tensor(EMBEDDING, List.of(vocabulary, hidden)));
    for (int layer = 0; layer < layers; layer++) {
      String block = "model.layers." + layer + ".";
      tensors.add(new Tensor(block + "input_layernorm.weight", List.of(hidden)));
      tensors.add(new Tensor(block + "self_attn.q_proj.weight", List.of(hidden, hidden)));
      tensors.add(new Tensor(block + "self_attn.k_proj.weight", List.of(keys, hidden)));
      tensors.add(new Tensor(block + "self_attn.v_proj.weight", List.of(keys, hidden)));
      tensors.add(new Tensor(block + "self_attn.o_proj.weight", List.of(hidden, hidden)));
      tensors.add(new Tensor(block + "post_attention_layernorm.weight", List.of(hidden)));
      tensors.add(new Tensor(block + "mlp.gate_proj.weight", List.of(intermediate, hidden)));
      tensors.add(new Tensor(block + "mlp.up_proj.weight", List.of(intermediate, hidden)));
      tensors.add(new Tensor(block + "mlp.down_proj.weight", List.of(hidden, intermediate)));
    }
    tensors.add(new Tensor("model.norm.weight", List.of(hidden)));
    tensors.add(new Tensor("lm_head.weight", List.of(vocabulary, hidden)));
    return tensors;
  }

  public long bytes() {
    return tensors().stream().mapToLong(Tensor::bytes).sum();
  }

  public long largestTensorBytes() {
    return tensors().stream().mapToLong(Tensor::bytes).max().orElse(0);
  }

  public long linearElements() {
    return tensors().stream().filter(Tensor::isLinear).mapToLong(Tensor::elements).sum();
  }

  public Map<String, Object> config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of("LlamaForCausalLM"));
    config.put("model_type", "llama");
    config.put("hidden_act", "silu");
    config.put("hidden_size", hidden);
    config.put("intermediate_size", intermediate);
    config.put("num_attention_heads", heads);
    config.put("num_hidden_layers", layers);
    config.put("num_key_value_heads", keyValueHeads);
    config.put("vocab_size", vocabulary);
    config.put("max_position_embeddings", 4096);
    config.put("rms_norm_eps", 1e-5);
    config.put("rope_theta", 10000.0);
    config.put("tie_word_embeddings", false);
    config.put("torch_dtype", "bfloat16");
    return config;
  }
}
