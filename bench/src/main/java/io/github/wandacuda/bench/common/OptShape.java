package io.github.wandacuda.bench.common;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The sizes of an OPT, whose head is its embedding. */
public record OptShape(int layers, int hidden, int intermediate, int heads, int vocabulary)
    implements CheckpointShape {
  private static final String DECODER = "model.decoder.";
  private static final int POSITIONS = 2048;

  /** Rows of the position table before that of position 0. */
  private static final int FIRST_POSITION = 2;

  @Override
  public List<Tensor> tensors() {
    List<Tensor> tensors = new ArrayList<>();
    tensors.add(new Tensor(DECODER + "embed_tokens.weight", List.of(vocabulary, hidden)));
    tensors.add(positions());
    for (int layer = 0; layer < layers; layer++) {
      String block = DECODER + "layers." + layer + ".";
      for (String name : List.of("k_proj", "v_proj", "q_proj", "out_proj")) {
        add(tensors, block + "self_attn." + name, hidden, hidden);
      }
      add(tensors, block + "self_attn_layer_norm", hidden);
      add(tensors, block + "fc1", intermediate, hidden);
      add(tensors, block + "fc2", hidden, intermediate);
      add(tensors, block + "final_layer_norm", hidden);
    }
    add(tensors, DECODER + "final_layer_norm", hidden);
    return tensors;
  }

  private Tensor positions() {
    return new Tensor(
        DECODER + "embed_positions.weight", List.of(POSITIONS + FIRST_POSITION, hidden));
  }

  /** Adds a weight or gain and its bias. */
  private static void add(List<Tensor> tensors, String module, Integer... shape) {
    tensors.add(new Tensor(module + ".weight", List.of(shape)));
    tensors.add(new Tensor(module + ".bias", List.of(shape[0])));
  }

  @Override
  public long tokenBytes() {
    return bytes() - positions().bytes();
  }

  @Override
  public Map<String, Object> config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of("OPTForCausalLM"));
    config.put("model_type", "opt");
    config.put("activation_function", "relu");
    config.put("do_layer_norm_before", true);
    config.put("hidden_size", hidden);
    config.put("word_embed_proj_dim", hidden);
    config.put("ffn_dim", intermediate);
    config.put("num_attention_heads", heads);
    config.put("num_hidden_layers", layers);
    config.put("vocab_size", vocabulary);
    config.put("max_position_embeddings", POSITIONS);
    config.put("tie_word_embeddings", true);
    config.put("torch_dtype", "bfloat16");
    return config;
  }
}
