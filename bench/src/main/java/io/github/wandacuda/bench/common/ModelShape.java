package io.github.wandacuda.bench.common;

import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The sizes of a LLaMA. */
public record ModelShape(
    int layers, int hidden, int intermediate, int heads, int keyValueHeads, int vocabulary)
    implements CheckpointShape {
  private static final String EMBEDDING = "model.embed_tokens.weight";

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

  @Override
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

  @Override
  public long tokenBytes() {
    return bytes() - new Tensor(EMBEDDING, List.of(vocabulary, hidden)).bytes();
  }

  @Override
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
