package io.github.wandacuda.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.text.TokenizerFile;
import java.nio.file.Path;
import java.util.List;

/** A fixture's model under configs in which something was changed: opened, and run a little. */
public final class ChangedConfigs implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final int[] TOKENS = {1, 2, 3, 4, 5};

  /** Every key that some family reads; a dot leads into an object. */
  public static final List<String> KEYS =
      List.of(
          """
          hidden_size n_embd n_embed num_hidden_layers n_layer num_attention_heads n_head
          num_key_value_heads num_kv_heads n_head_kv head_dim vocab_size intermediate_size
          n_inner ffn_dim ffn_hidden_size word_embed_proj_dim moe_intermediate_size
          shared_expert_intermediate_size num_experts num_local_experts num_experts_per_tok
          decoder_sparse_step max_window_layers sliding_window max_position_embeddings
          n_positions seq_length num_ln_in_parallel_attn rms_norm_eps layer_norm_eps
          layer_norm_epsilon query_pre_attn_scalar attn_logit_softcapping
          final_logit_softcapping rope_theta rotary_emb_base rotary_pct partial_rotary_factor
          rope_scaling rope_scaling.type rope_scaling.factor rope_scaling.low_freq_factor
          rope_scaling.high_freq_factor rope_scaling.original_max_position_embeddings
          rope_parameters layer_types mlp_only_layers hidden_act hidden_activation
          activation_function activation use_sliding_window new_decoder_architecture
          multi_query alibi parallel_attn architectures model_type quantization_config\
          """
              .split("\\s+"));

  /** What may be put there, as JSON. */
  public static final List<String> VALUES =
      List.of(
          "0", "-1",
          "1", "3",
          "1000000000", "2147483647",
          "99999999999999999999999", "1e-300",
          "1e-38", "0.3",
          "1e9", "1e38",
          "1e300", "true",
          "\"linear\"", "[]",
          "[1e9, \"x\", -1]", "{}",
          "{\"rope_type\": \"linear\", \"factor\": 1e-37}", "null");

  private final ObjectNode valid;
  private final Path file;
  private final Checkpoint checkpoint;
  private final Backend backend;

  public ChangedConfigs(String family) {
    Path model = TestData.fixture(family).resolve("model");
    file = model.resolve("config.json");
    valid = (ObjectNode) TestData.json(file);
    checkpoint = Checkpoint.open(model);
    backend = Backends.open("cpu", 0, 1).backend();
  }

  /** Returns the fixture's config, to be changed. */
  public ObjectNode config() {
    return valid.deepCopy();
  }

  /** Puts a value under a key, in a new object where the key leads into one that isn't there. */
  public static void put(ObjectNode config, String key, String json) {
    JsonNode value;
    try {
      value = JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(json, e);
    }
    int dot = key.indexOf('.');
    if (dot < 0) {
      config.set(key, value);
      return;
    }
    String parent = key.substring(0, dot);
    ObjectNode object =
        config.get(parent) instanceof ObjectNode there
            ? there
            : config.putObject(parent).put("type", "llama3");
    object.set(key.substring(dot + 1), value);
  }

  /**
   * Opens a decoder and runs it.
   *
   * @return whether that was refused
   * @throws RuntimeException anything but a refusal in one clear line
   */
  public boolean isRefused(ObjectNode config) {
    ModelConfig changed = new ModelConfig(file, config);
    try {
      List<LinearModule> modules = LinearModules.of(changed, checkpoint);
      Path folder = file.getParent();
      ModelDirectory model =
          new ModelDirectory(folder, changed, checkpoint, modules, TokenizerFile.in(folder));
      DecoderFamily family = DecoderFamilies.of(changed);
      try (Decoder decoder = family.open(model, backend.operations(), WeightKeeping.WHILE_OPEN)) {
        run(decoder);
      }
      return false;
    } catch (WandaException e) {
      if (e.getMessage().lines().count() != 1 || e.getMessage().length() > 2000) {
        throw new IllegalStateException("not one clear line: " + e.getMessage(), e);
      }
      return true;
    }
  }

  private void run(Decoder decoder) {
    try (Tensor hidden = backend.operations().tensor(TOKENS.length, decoder.hiddenSize())) {
      decoder.embed(TOKENS, TOKENS.length, hidden);
      try (Block block = decoder.block(0)) {
        block.forward(hidden, TOKENS.length, InputObserver.NONE);
      }
      double[] unused = decoder.losses(hidden, TOKENS);
    }
  }

  @Override
  public void close() {
    checkpoint.close();
    backend.close();
  }
}
