package io.github.wandacuda.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecoderFamiliesTest {
  @TempDir Path directory;

  /** Of a key that is there twice the last counts: tests add to what models have in common. */
  private ModelConfig config(String json) {
    try {
      JsonNode once = new ObjectMapper().readTree(json.replace('\'', '"'));
      Files.writeString(directory.resolve("config.json"), once.toString());
      return ModelConfig.read(directory);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void theyAreInTheOrderOfTheirTypes() {
    assertThat(DecoderFamilies.KNOWN.stream().map(DecoderFamily::modelType)).isSorted();
  }

  @ParameterizedTest
  @CsvSource({
    "llama, LlamaForCausalLM, llama", "llama, LlamaModel, llama", "'', LlamaForCausalLM, llama",
    "gpt2, GPT2Model, gpt2", "gpt2, GPT2LMHeadModel, gpt2", "bloom, BloomModel, bloom",
    "gemma2, '', gemma2"
  })
  void familiesAreFoundByTypeOrElseByArchitecture(String type, String architecture, String family) {
    String architectures = architecture.isEmpty() ? "" : "'" + architecture + "'";
    ModelConfig config =
        config("{'model_type': '%s', 'architectures': [%s]}".formatted(type, architectures));
    assertThat(DecoderFamilies.of(config).modelType()).isEqualTo(family);
  }

  @ParameterizedTest
  @CsvSource({
    "llama, LlamaForSequenceClassification, llama (LlamaForCausalLM)",
    "deepseek_v3, LlamaForCausalLM, deepseek_v3 (DeepseekV3ForCausalLM)",
    "mistral, LlamaForCausalLM, mistral (MistralForCausalLM)",
    "mamba, MambaForCausalLM, 'apertus, arcee, '",
    "'', '', 'apertus, arcee, '",
    "other, LlamaForCausalLM, 'apertus, arcee, '",
    "'', MambaForCausalLM, 'apertus, arcee, '"
  })
  void anUnknownOneNamesTheKnown(String type, String architecture, String known) {
    ModelConfig config =
        config("{'model_type': '%s', 'architectures': ['%s']}".formatted(type, architecture));
    assertThatThrownBy(() -> DecoderFamilies.of(config))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(
            "%s: no forward pass for model_type '%s' with architecture '%s'; known are %s"
                .formatted(config.file(), type, architecture, known))
        .hasMessageContaining("`family` describes others")
        .hasMessageEndingWith(
            "; `statistics` and `method` magnitude of 'wanda-cuda prune' need no forward pass");
  }

  @ParameterizedTest
  @CsvSource({"lama, did you mean llama?", "gemma3, did you mean gemma or gemma2 or gemma3_text?"})
  void aMistypedOneNamesThatWhichIsMeantAlone(String type, String meant) {
    ModelConfig config =
        config("{'model_type': '%s', 'architectures': ['LlamaForCausalLM']}".formatted(type));
    assertThatThrownBy(() -> DecoderFamilies.of(config))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("with architecture 'LlamaForCausalLM'; " + meant)
        .hasMessageNotContaining("apertus");
  }

  @Test
  void fewerBlocksThanThereAreWeightsOfAreRefused() throws IOException {
    Path model = new GeneratedLlama(3, 32, 64, 50).write(directory.resolve("model"));
    Path config = model.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replaceFirst("(num_hidden_layers\\W+)3", "$12"));
    try (ModelDirectory opened = ModelDirectory.open(model)) {
      assertThatThrownBy(() -> DecoderFamilies.open(opened, (Operations) null))
          .isInstanceOf(InputException.class)
          .hasMessage(config + ": expected as many blocks as there are weights of, 3, found 2");
    }
  }

  @Test
  void blocksThatPredictFurtherTokensAreNoneOfTheDecoders() throws IOException {
    Path model = new GeneratedLlama(3, 32, 64, 50).write(directory.resolve("model"));
    Path config = model.resolve("config.json");
    String all = Files.readString(config);
    Files.writeString(
        config,
        all.replaceFirst("(num_hidden_layers\\W+)3", "$12, \"num_nextn_predict_layers\": 1"));
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(1);
        Decoder decoder = DecoderFamilies.open(opened, backend.operations())) {
      assertThat(decoder.blocks()).isEqualTo(2);
    }
    Files.writeString(
        config,
        all.replaceFirst("(num_hidden_layers\\W+)3", "$11, \"num_nextn_predict_layers\": 1"));
    try (ModelDirectory opened = ModelDirectory.open(model)) {
      assertThatThrownBy(() -> DecoderFamilies.open(opened, (Operations) null))
          .isInstanceOf(InputException.class)
          .hasMessage(config + ": expected as many blocks as there are weights of, 3, found 1");
    }
  }

  private static final String SIZES =
      "'hidden_size': 16, 'num_hidden_layers': 1, 'vocab_size': 9, 'intermediate_size': 8, ";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'rope_scaling': {'type': 'cubic', 'factor': 2.0} | rope_scaling: expected a scaling of"
            + " kind default, linear, llama3, yarn, dynamic or longrope, found \"cubic\";"
            + " `statistics`",
        "'rope_scaling': {'rope_type': 'longrope'} | rope_scaling.short_factor: expected 2 positive"
            + " numbers, found null",
        "'rope_scaling': {'type': 'su', 'short_factor': [1, 0]} | found [1,0]",
        "'rope_parameters': {'rope_type': 'yarn'} | rope_parameters.factor: expected a positive",
        "'head_dim': 2, 'rope_scaling': {'type': 'dynamic'} | rope_scaling: expected more than 2",
        "'rope_scaling': {'rope_type': 'linear'} | rope_scaling.factor: expected a positive",
        "'rope_scaling': 'linear' | rope_scaling: expected an object, found \"linear\"",
        "'rope_scaling': [4.0] | rope_scaling: expected an object, found [4.0]",
        "'rope_scaling': 8 | rope_scaling: expected an object, found 8",
        "'rope_scaling': true | rope_scaling: expected an object, found true",
        "'rope_scaling': {'factor': 4.0} | rope_scaling: expected an object with a rope_type,",
        "'rope_scaling': {'type': 7} | rope_scaling: expected a scaling of kind default,",
        "'rope_scaling': {'type': ''} | rope_scaling: expected a scaling of kind default,",
        "'rope_parameters': {'sliding_attention': {'rope_theta': 1.0}} | rope_parameters: expected"
            + " an",
        "'quantization_config': {'quant_method': 'bitsandbytes'} |"
            + " quantization_config.quant_method: expected weights in a format that can be read,"
            + " found bitsandbytes;",
        "'quantization_config': {'load_in_4bit': true} | found {\"load_in_4bit\":true};",
        "'quantization_config': [] | quantization_config: expected an object, found []",
        "'compression_config': {'quant_method': 'hqq'} | compression_config.quant_method: expected",
        "'num_attention_heads': 1000000000 | num_attention_heads: expected a positive whole number"
            + " of at most 134217728, found 1000000000",
        "'num_attention_heads': 65536, 'head_dim': 32768 | num_attention_heads: expected a width",
        "'rope_theta': 1e300 | rope_theta: expected a positive number from 1.2e-38 to 3.4e38,",
        "'hidden_act': 'mish' | hidden_act: expected one of gelu, gelu_accurate, gelu_fast,",
        "'hidden_act': 3 | hidden_act: expected a string, found 3",
        "'attention_bias': 'yes' | attention_bias: expected true or false, found \"yes\"",
        "'num_key_value_heads': 3 | num_key_value_heads: expected a divisor of 4, found 3",
        "'head_dim': 7 | heads of 7 features: expected an even number of them to rotate, found 7",
      })
  void whatIsNotComputedIsRefused(String keys, String message) {
    ModelConfig config =
        config("{'model_type': 'llama', 'num_attention_heads': 4, " + SIZES + keys + "}");
    assertThatThrownBy(() -> DecoderFamilies.of(config).shape(config))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(config.file() + ": ")
        .hasMessageContaining(message);
  }

  /** An expert gets 512 tokens of a batch, if that has 8,192 at most. */
  @ParameterizedTest
  @CsvSource({
    "8, 2, '', 2048",
    "32, 4, '', 4096",
    "50, 6, '', 4266",
    "128, 8, '', 8192",
    "256, 8, '', 8192",
    "128, 8, 0, 8192",
    "128, 8, 1, 2048"
  })
  void moreTokensRunTogetherWhereExpertsGetFew(int experts, int each, String dense, int tokens) {
    ModelConfig config =
        config(
            "{'model_type': 'qwen3_moe', 'num_attention_heads': 4, 'moe_intermediate_size': 8, "
                + SIZES
                + "'num_hidden_layers': 2, 'num_experts': %d, 'num_experts_per_tok': %d, "
                    .formatted(experts, each)
                + "'mlp_only_layers': [%s]}".formatted(dense));
    assertThat(DecoderFamilies.of(config).describe(config).batchTokens()).isEqualTo(tokens);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "gemma2 | 'layer_types': ['chunked_attention'] | layer_types: expected sliding_attention",
        "qwen3 | 'use_sliding_window': true, 'layer_types': [] , 'max_window_layers': -1 |"
            + " max_window_layers: expected a positive whole number, found -1",
        "mixtral | 'num_local_experts': 2, 'num_experts_per_tok': 3 | num_experts_per_tok:"
            + " expected at most the 2 experts, found 3",
        "qwen2_moe | 'num_experts': 2, 'mlp_only_layers': 1 | mlp_only_layers: expected a list,",
        "opt | 'ffn_dim': 8, 'hidden_size': 18 | num_attention_heads: expected a divisor of the"
            + " hidden size 18, found 4",
        "falcon | 'new_decoder_architecture': true, 'num_kv_heads': 3 | num_kv_heads: expected a"
            + " divisor of 4, found 3",
        "gpt_neox | 'rotary_pct': 0.1 | heads of 4 features: expected an even number",
        "smollm3 | 'no_rope_layers': [1, 0], 'num_hidden_layers': 3 | no_rope_layers: expected a",
        "gemma3_text | 'use_bidirectional_attention': true | use_bidirectional_attention: expected",
        "gpt2 | 'n_layer': 1 | n_embd: expected a positive whole number, found nothing",
        "gemma2 | 'attn_logit_softcapping': 1e300 | attn_logit_softcapping: expected a positive",
        "phi3 | 'partial_rotary_factor': 1e9 | partial_rotary_factor: expected at most the whole",
        "gpt_neox | 'rotary_pct': 1e9 | rotary_pct: expected at most the whole of a head, 1, found",
      })
  void eachFamilyChecksItsOwn(String type, String keys, String message) {
    String sizes = type.equals("gpt2") ? "" : SIZES + "'num_attention_heads': 4, ";
    ModelConfig config = config("{'model_type': '" + type + "', " + sizes + keys + "}");
    assertThatThrownBy(() -> DecoderFamilies.of(config).shape(config))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(config.file() + ": ")
        .hasMessageContaining(message);
  }

  /** What a config says of weights that are not quantized is nothing, or null. */
  @Test
  void noQuantizationIsNone() {
    ModelConfig config =
        config(
            "{'model_type': 'llama', 'quantization_config': null, 'num_attention_heads': 4, "
                + SIZES.replaceAll(", $", "}"));
    assertThat(DecoderFamilies.of(config).shape(config).blocks()).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'rope_scaling': null | 96",
        "'rope_scaling': {} | 96",
        "'rope_scaling': {'type': 'linear', 'factor': 4.0} | 384",
        "'rope_scaling': {'type': 'linear', 'factor': 4.0, 'original_max_position_embeddings': 24}"
            + " | 96",
        "'rope_parameters': {'rope_theta': 10000.0} | 96",
        "'rope_parameters': {'rope_type': 'default'} | 96",
      })
  void aLinearScalingStretchesThePositions(String keys, int positions) {
    ModelConfig config =
        config(
            "{'model_type': 'llama', 'max_position_embeddings': 96, 'num_attention_heads': 4, "
                + SIZES
                + keys
                + "}");
    assertThat(DecoderFamilies.of(config).shape(config).maximumLength()).isEqualTo(positions);
  }
}
