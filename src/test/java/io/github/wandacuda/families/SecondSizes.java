package io.github.wandacuda.families;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The models of {@link SecondSizesParity}. */
final class SecondSizes {
  /** Tokens that every model knows. */
  static final int VOCABULARY = 61;

  /** Sizes of those below them, and each model: name, type of weights, prefix, family; keys. */
  private static final String MODELS =
      """
      sizes 'hidden_size': 30, 'num_hidden_layers': 2, 'intermediate_size': 45,
        'num_attention_heads': 5, 'max_position_embeddings': 64
      * llama with biases, heads of 14 on a width of 30 | BF16 |  | llama
        'num_key_value_heads': 1, 'head_dim': 14, 'attention_bias': true, 'mlp_bias': true,
        'torch_dtype': 'bfloat16', 'tie_word_embeddings': true
      * llama, rope_parameters, another activation | F16 | model. | llama
        'hidden_act': 'gelu', 'dtype': 'float16', 'rms_norm_eps': 1e-3, 'rope_parameters':
        {'rope_type': 'linear', 'factor': 3.0, 'rope_theta': 500.0}
      * mistral, a window of 5 | BF16 | model. | mistral
        'num_key_value_heads': 5, 'head_dim': null, 'sliding_window': 5
      * mistral, the first kind's window | F32 |  | mistral
        'rope_theta': 100.0
      sizes
      * phi3, a window, rotary of a part | F16 | model. | phi3
        'hidden_size': 36, 'num_hidden_layers': 2, 'intermediate_size': 27, 'num_attention_heads':
        3, 'num_key_value_heads': 1, 'sliding_window': 9, 'partial_rotary_factor': 0.5,
        'rms_norm_eps': 1e-5, 'tie_word_embeddings': true
      sizes 'hidden_size': 28, 'num_hidden_layers': 3, 'intermediate_size': 33,
        'num_attention_heads': 2, 'num_key_value_heads': 1, 'rms_norm_eps': 1e-6
      * qwen2, a window from block 1 on | BF16 | model. | qwen2
        'use_sliding_window': true, 'sliding_window': 11, 'max_window_layers': 1
      * qwen2, a window that isn't used | F32 |  | qwen2
        'use_sliding_window': false, 'sliding_window': 4, 'max_window_layers': 0,
        'tie_word_embeddings': true
      * qwen3 with biases, windows by type | F16 | model. | qwen3
        'head_dim': 10, 'attention_bias': true, 'use_sliding_window': true, 'sliding_window': 6,
        'max_window_layers': 9, 'layer_types': ['full_attention', 'sliding_attention',
        'full_attention']
      sizes 'hidden_size': 26, 'num_hidden_layers': 3, 'intermediate_size': 50,
        'num_attention_heads': 4, 'num_key_value_heads': 4, 'rms_norm_eps': 1e-6
      * gemma, multi-head | BF16 | model. | gemma
        'head_dim': 6, 'hidden_act': 'gelu_pytorch_tanh'
      * gemma2, other caps and windows | BF16 |  | gemma2
        'head_dim': 10, 'hidden_activation': 'gelu_pytorch_tanh', 'query_pre_attn_scalar': 7,
        'attn_logit_softcapping': 1.5, 'final_logit_softcapping': 30.0, 'sliding_window': 3
      * gemma2 without caps, untied | F32 | model. | gemma2
        'head_dim': 8, 'hidden_activation': 'gelu_pytorch_tanh', 'query_pre_attn_scalar': 8,
        'attn_logit_softcapping': null, 'final_logit_softcapping': null, 'sliding_window': null,
        'tie_word_embeddings': false
      sizes 'hidden_size': 24, 'num_hidden_layers': 4, 'intermediate_size': 31,
        'num_attention_heads': 3, 'num_key_value_heads': 1
      * mixtral, 3 of 7 experts, a window | BF16 | model. | mixtral
        'num_local_experts': 7, 'num_experts_per_tok': 3, 'sliding_window': 8, 'rms_norm_eps':
        1e-5, 'head_dim': 10
      * mixtral, one expert a token | F32 |  | mixtral
        'num_local_experts': 20, 'num_experts_per_tok': 1, 'rms_norm_eps': 1e-5
      * olmoe, bounds of normed q and k, renormalised | F16 |  | olmoe
        'num_experts': 5, 'num_experts_per_tok': 2, 'clip_qkv': 0.8, 'norm_topk_prob': true,
        'rms_norm_eps': 1e-5
      * qwen2_moe, dense blocks by list and step | F16 | model. | qwen2_moe
        'num_experts': 5, 'num_experts_per_tok': 2, 'moe_intermediate_size': 13,
        'shared_expert_intermediate_size': 19, 'norm_topk_prob': true, 'qkv_bias': false,
        'mlp_only_layers': [3], 'decoder_sparse_step': 2, 'rms_norm_eps': 1e-6
      * qwen2_moe, all experts, a window | BF16 |  | qwen2_moe
        'num_experts': 3, 'num_experts_per_tok': 3, 'moe_intermediate_size': 8,
        'shared_expert_intermediate_size': 9, 'mlp_only_layers': [], 'use_sliding_window': true,
        'sliding_window': 7, 'rms_norm_eps': 1e-6
      * qwen3_moe, a dense block, heads wider than the hidden size | BF16 | model. | qwen3_moe
        'head_dim': 14, 'num_experts': 6, 'num_experts_per_tok': 2, 'moe_intermediate_size': 11,
        'norm_topk_prob': true, 'mlp_only_layers': [1], 'rms_norm_eps': 1e-6,
        'tie_word_embeddings': true
      sizes 'hidden_size': 26, 'num_hidden_layers': 4, 'num_attention_heads': 3,
        'num_key_value_heads': 1, 'head_dim': 10, 'partial_rotary_factor': 0.4, 'rms_norm_eps': 1e-5
      * qwen3_next, three value heads a key head, half of the blocks | BF16 | model. | qwen3_next
        'linear_num_key_heads': 2, 'linear_num_value_heads': 6, 'linear_key_head_dim': 11,
        'linear_value_head_dim': 7, 'linear_conv_kernel_dim': 3, 'full_attention_interval': 2,
        'num_experts': 5, 'num_experts_per_tok': 2, 'moe_intermediate_size': 9,
        'shared_expert_intermediate_size': 11, 'intermediate_size': 17, 'mlp_only_layers': [1],
        'norm_topk_prob': true
      * qwen3_5_text, one value head a key head, biases | F16 |  | qwen3_5_text
        'linear_num_key_heads': 3, 'linear_num_value_heads': 3, 'linear_key_head_dim': 6,
        'linear_value_head_dim': 4, 'linear_conv_kernel_dim': 2, 'intermediate_size': 21,
        'attention_bias': true, 'layer_types': ['linear_attention', 'full_attention',
        'linear_attention', 'linear_attention']
      sizes 'hidden_size': 26, 'num_hidden_layers': 2, 'num_attention_heads': 3,
        'intermediate_size': 37, 'rms_norm_eps': 1e-5, 'first_k_dense_replace': 2,
        'n_routed_experts': 4, 'num_experts_per_tok': 2, 'moe_intermediate_size': 8
      * deepseek_v3, values wider than keys, rotated halves, biases | BF16 | model. | deepseek_v3
        'q_lora_rank': 9, 'kv_lora_rank': 7, 'qk_nope_head_dim': 5, 'qk_rope_head_dim': 4,
        'v_head_dim': 11, 'attention_bias': true, 'rope_interleave': false
      * deepseek_v2, queries of the hidden states themselves | F16 |  | deepseek_v2
        'q_lora_rank': null, 'kv_lora_rank': 12, 'qk_nope_head_dim': 7, 'qk_rope_head_dim': 6,
        'v_head_dim': 5
      sizes
      * gpt2, an odd width inside, scaled by block | BF16 |  | gpt2
        'n_embd': 21, 'n_head': 3, 'n_layer': 3, 'n_positions': 40, 'n_inner': 37,
        'activation_function': 'relu', 'scale_attn_by_inverse_layer_idx': true
      * gpt2, untied, unscaled | F16 | transformer. | gpt2
        'n_embd': 20, 'n_head': 2, 'n_layer': 2, 'n_positions': 37, 'layer_norm_epsilon': 1e-3,
        'scale_attn_weights': false, 'tie_word_embeddings': false
      sizes 'num_attention_heads': 3, 'num_hidden_layers': 2, 'hidden_size': 27, 'ffn_dim': 35,
        'max_position_embeddings': 50
      * opt, gelu, no biases, untied | F16 | decoder. | opt
        'activation_function': 'gelu', 'enable_bias': false, 'tie_word_embeddings': false
      * opt like 350m, wider embeddings | BF16 | model.decoder. | opt
        'do_layer_norm_before': false, 'word_embed_proj_dim': 31
      * opt, norms without gains, none at the end | F32 |  | opt
        'layer_norm_elementwise_affine': false, '_remove_final_layer_norm': true,
        'word_embed_proj_dim': 9
      sizes 'num_attention_heads': 2, 'num_hidden_layers': 2, 'hidden_size': 36,
        'intermediate_size': 41, 'layer_norm_eps': 1e-4
      * gpt_neox, half of each head rotated, no biases | BF16 |  | gpt_neox
        'rotary_pct': 0.5, 'attention_bias': false, 'rotary_emb_base': 300
      * gpt_neox, sequential, whole heads, tied | F16 | gpt_neox. | gpt_neox
        'rotary_pct': 1.0, 'use_parallel_residual': false, 'hidden_act': 'gelu_new',
        'tie_word_embeddings': true
      sizes
      * bloom, 6 heads | BF16 |  | bloom
        'n_head': 6, 'n_layer': 2, 'hidden_size': 30, 'layer_norm_epsilon': 1e-4
      * bloom, 11 heads, normed residual, untied | F16 | transformer. | bloom
        'n_head': 11, 'n_layer': 2, 'hidden_size': 33, 'tie_word_embeddings': false,
        'apply_residual_connection_post_layernorm': true
      sizes 'num_hidden_layers': 2, 'hidden_size': 24
      * falcon 40b style | BF16 | transformer. | falcon
        'num_attention_heads': 6, 'num_kv_heads': 2, 'new_decoder_architecture': true,
        'ffn_hidden_size': 50
      * falcon 11b style, one norm | F32 | transformer. | falcon
        'num_attention_heads': 4, 'num_kv_heads': 1, 'new_decoder_architecture': true,
        'num_ln_in_parallel_attn': 1, 'tie_word_embeddings': false
      * falcon rw style: alibi, biases, sequential, multi-head | F16 |  | falcon
        'num_attention_heads': 12, 'multi_query': false, 'parallel_attn': false, 'alibi': true,
        'bias': true
      * falcon, multi-query, sequential, biases | BF16 | transformer. | falcon
        'num_attention_heads': 3, 'num_kv_heads': 3, 'parallel_attn': false, 'bias': true,
        'activation': 'gelu_pytorch_tanh', 'rope_theta': 77.0
      sizes 'hidden_size': 30, 'num_hidden_layers': 4, 'intermediate_size': 41,
        'num_attention_heads': 3, 'num_key_value_heads': 1
      * gemma3, bases by type of layer, a bound | BF16 | model. | gemma3_text
        'head_dim': 10, 'query_pre_attn_scalar': 7, 'final_logit_softcapping': 9.0,
        'sliding_window': 5, 'layer_types': ['sliding_attention', 'full_attention',
        'sliding_attention', 'full_attention'], 'rope_parameters': {'full_attention': {'rope_type':
        'linear', 'factor': 4.0, 'rope_theta': 3000.0}, 'sliding_attention': {'rope_theta': 100.0}}
      * olmo2, biases, dynamic | F16 |  | olmo2
        'attention_bias': true, 'max_position_embeddings': 23, 'rms_norm_eps': 1e-6,
        'rope_scaling': {'rope_type': 'dynamic', 'factor': 3.0}
      * olmo3, every fourth block global, yarn not truncated | BF16 | model. | olmo3
        'sliding_window': 4, 'rms_norm_eps': 1e-6, 'rope_parameters': {'rope_type': 'yarn',
        'factor': 5.0, 'rope_theta': 900.0, 'original_max_position_embeddings': 20, 'truncate':
        false}
      * granite, biases, untied | F32 |  | granite
        'attention_bias': true, 'mlp_bias': true, 'embedding_multiplier': 3.0,
        'attention_multiplier': 0.4, 'residual_multiplier': 0.7, 'logits_scaling': 1.7
      * smollm3, every second block without rotary and with a window | BF16 | model. | smollm3
        'use_sliding_window': true, 'sliding_window': 6, 'no_rope_layer_interval': 2,
        'attention_bias': true
      * cohere, biases, no norms of q and k | F16 | model. | cohere
        'attention_bias': true, 'logit_scale': 0.4
      * cohere2, every second block global | BF16 |  | cohere2
        'sliding_window': 5, 'sliding_window_pattern': 2, 'head_dim': 14, 'logit_scale': 0.7
      * glm4, a third of each head turned | BF16 | model. | glm4
        'head_dim': 12, 'attention_bias': true, 'rms_norm_eps': 1e-5, 'rope_parameters':
        {'rope_type': 'default', 'partial_rotary_factor': 0.34, 'rope_theta': 50.0}
      * glm | F32 |  | glm
        'head_dim': 12, 'rms_norm_eps': 1e-5, 'rope_theta': 70.0
      * starcoder2, no biases, no window | F16 | model. | starcoder2
        'use_bias': false, 'sliding_window': null
      * stablelm, parallel, norms of q and k | BF16 |  | stablelm
        'use_parallel_residual': true, 'qk_layernorm': true, 'partial_rotary_factor': 0.4
      * nemotron, biases | BF16 | model. | nemotron
        'attention_bias': true, 'mlp_bias': true, 'head_dim': 8
      * arcee | F32 |  | arcee
        'rms_norm_eps': 1e-5
      * exaone4, no windows | F16 |  | exaone4
        'sliding_window': null, 'rms_norm_eps': 1e-5
      * exaone4, a pattern of letters | BF16 | model. | exaone4
        'sliding_window': 6, 'sliding_window_pattern': 'LG', 'rms_norm_eps': 1e-5
      * hunyuan, biases | BF16 |  | hunyuan_v1_dense
        'attention_bias': true, 'rms_norm_eps': 1e-5, 'rope_theta': 40.0
      * seed_oss, other biases, longrope in short sequences | F16 | model. | seed_oss
        'head_dim': 8, 'attention_bias': false, 'attention_out_bias': true, 'mlp_bias': true,
        'rms_norm_eps': 1e-6, 'max_position_embeddings': 320, 'original_max_position_embeddings':
        40, 'rope_scaling': {'rope_type': 'longrope', 'short_factor': [1, 1.5, 2, 3],
        'long_factor': [4, 5, 6, 7]}
      * olmo, bounded | BF16 | model. | olmo
        'clip_qkv': 0.7, 'tie_word_embeddings': true
      * ernie4_5, biases | F16 |  | ernie4_5
        'head_dim': 10, 'use_bias': true, 'rms_norm_eps': 1e-5
      * cwm, not scaled | BF16 | model. | cwm
        'head_dim': 10, 'sliding_window': 4, 'rope_scaling': null, 'rms_norm_eps': 1e-5
      * helium | BF16 |  | helium
        'head_dim': 10, 'mlp_bias': true, 'rms_norm_eps': 1e-6
      * apertus, biases, not scaled | BF16 | model. | apertus
        'attention_bias': true, 'mlp_bias': true, 'rope_scaling': null, 'rms_norm_eps': 1e-5
      * ministral3, a window, no factor | F16 | model. | ministral3
        'head_dim': 10, 'sliding_window': 7, 'rms_norm_eps': 1e-5
      """;

  private SecondSizes() {}

  /**
   * A model to make up.
   *
   * @param prefix of its tensors' names
   */
  record Second(String name, String dtype, String prefix, String config) {
    @Override
    public String toString() {
      return "%s, %s, prefix '%s'".formatted(name, dtype, prefix);
    }
  }

  static List<Second> all() {
    List<Second> models = new ArrayList<>();
    String sizes = "";
    for (String part : MODELS.split("\n(?=[s*])")) {
      if (part.startsWith("sizes")) {
        sizes = keys(part.substring(5));
        continue;
      }
      String[] lines = part.substring(1).split("\n", 2);
      String[] cells = Stream.of(lines[0].split("[|]")).map(String::strip).toArray(String[]::new);
      String config =
          """
          {"model_type": "%s", "vocab_size": %d, %s}\
          """
              .formatted(
                  cells[3], VOCABULARY, sizes + (sizes.isEmpty() ? "" : ", ") + keys(lines[1]));
      models.add(new Second(cells[0], cells[1], cells[2], config));
    }
    return models;
  }

  private static String keys(String text) {
    return text.strip().replaceAll("\\s+", " ").replace('\'', '"');
  }
}
