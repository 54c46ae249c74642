package io.github.wandacuda.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.LoraFolder;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Adapters as PEFT writes them, and those that can't be merged. */
class LoraAdapterTest {
  private static final String Q = "model.layers.0.self_attn.q_proj";

  private static final JsonMapper JSON = JsonMapper.builder().build();

  @TempDir Path directory;

  private ModelDirectory model() throws IOException {
    Path model = Files.createDirectories(directory.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"llama\"}");
    new SafetensorsBytes()
        .f32(Q + ".weight", 6, 8)
        .f32("model.layers.1.self_attn.q_proj.weight", 6, 8)
        .raw("model.layers.1.mlp.up_proj.weight", "I8", new byte[48], 6, 8)
        .f32("lm_head.weight", 6, 8)
        .write(model.resolve("model.safetensors"));
    return ModelDirectory.open(model);
  }

  private LoraModule open(String config, SafetensorsBytes tensors) throws IOException {
    Path adapter = LoraFolder.write(directory.resolve("adapter"), config, tensors);
    try (ModelDirectory model = model();
        LoraAdapter opened = LoraAdapter.open(adapter, model)) {
      return opened.modules().getFirst();
    }
  }

  private static String with(String key, String value) throws IOException {
    ObjectNode config = (ObjectNode) JSON.readTree(LoraFolder.CONFIG);
    config.set(key, JSON.readTree(value));
    return config.toString();
  }

  private void assertRefused(String config, SafetensorsBytes tensors, String... said) {
    assertThatThrownBy(
            () -> assertTimeoutPreemptively(Duration.ofSeconds(20), () -> open(config, tensors)))
        .satisfies(
            thrown ->
                assertThat(thrown instanceof InputException ? thrown : thrown.getCause())
                    .isInstanceOf(InputException.class)
                    .hasMessageContainingAll(said));
  }

  private static SafetensorsBytes pair() {
    return LoraFolder.pair(Q, 6, 8, 1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "lora_alpha|16|8",
        "lora_alpha|0.5|0.25",
        "lora_alpha|-1|-0.5",
        "use_rslora|true|1.4142135",
        "alpha_pattern|{\"k_proj\": 5, \"q_proj\": 6, \".*\": 7}|3",
        "alpha_pattern|{\"proj\": 5, \"self_attn.q_pro\": 6}|1",
        "alpha_pattern|{\"^model\\\\.layers\\\\.[0-3]\\\\.self_attn\\\\.q_proj\": 5}|2.5",
      })
  void theScale(String key, String value, float scale) throws IOException {
    assertThat(open(with(key, value), pair()).scale()).isEqualTo(scale);
  }

  @Test
  void aRankOfItsOwn() throws IOException {
    String config = with("r", "64").replaceFirst("\\{", "{\"rank_pattern\":{\"q_proj\":2},");
    LoraModule pair = open(config, pair());
    assertThat(Map.of(pair.rank(), pair.scale())).isEqualTo(Map.of(2, 1f));
  }

  @ParameterizedTest
  @ValueSource(strings = {"\".*q_proj\"", "[\"" + Q + "\"]", "[\"v_proj\", \"self_attn.q_proj\"]"})
  void targetsThatNameTheModule(String targets) throws IOException {
    assertThat(open(with("target_modules", targets), pair()).module().name()).isEqualTo(Q);
  }

  @ParameterizedTest
  @ValueSource(strings = {"layers.0.self_attn.q_proj", Q})
  void namesWithTheBaseModelsPrefixOrWithout(String name) throws IOException {
    assertThat(open(LoraFolder.CONFIG, LoraFolder.pair(name, 6, 8, 1)).module().name())
        .isEqualTo(Q);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "use_dora|true", "modules_to_save|[\"lm_head\"]",
        "bias|\"all\"", "bias|3",
        "peft_type|\"IA3\"", "r|0",
        "r|2.0", "r|99999999999",
        "lora_alpha|\"16\"", "lora_alpha|1e60",
        "lora_alpha|null", "use_rslora|1",
        "fan_in_fan_out|\"yes\"", "target_modules|[1]",
        "target_modules|{}", "target_modules|[\"k_proj\"]",
        "target_modules|\"q_proj\"", "rank_pattern|[]",
        "rank_pattern|{\"q_proj\": 0}", "rank_pattern|{\"(\": 3}",
        "rank_pattern|{\"(((([a-z_.0-9]+)+)+)+)+!\": 3}", "alpha_pattern|{\"q_proj\": true}",
        "init_lora_weights|\"pissa\"", "init_lora_weights|\"olora\"",
        "layer_replication|[[0, 2]]", "target_parameters|[\"w\"]",
        "lora_bias|true", "a_key_of_next_year|1"
      })
  @FirstCases(8)
  void whatIsNotUnderstoodIsRefused(String key, String value) throws IOException {
    assertRefused(with(key, value), pair(), "adapter_config.json: " + key + ": expected ");
  }

  @Test
  void aKeyThatSwitchesNothingOnIsNone() throws IOException {
    for (String value : new String[] {"null", "false", "0", "{}", "[]", "\"\""}) {
      assertThat(open(with("a_key_of_next_year", value), pair()).rank()).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"''|JSON", "[]|a JSON object", "{|not JSON", "{}|peft_type: expected a value"})
  void aConfigThatIsNone(String text, String said) {
    assertRefused(text, pair(), "adapter_config.json: ", said);
  }

  @Test
  void tensorsThatAreNoPair() throws IOException {
    String[] names = LoraFolder.names(Q);
    String config = LoraFolder.CONFIG;
    assertRefused(config, new SafetensorsBytes(), "expected tensors base_model.model.", "none");
    assertRefused(config, new SafetensorsBytes().f32(names[0], 2, 8), names[0], "lora_B", "none");
    assertRefused(config, new SafetensorsBytes().f32(names[1], 6, 2), names[1], "lora_A", "none");
    for (String other :
        new String[] {
          "base_model.model." + Q + ".lora_magnitude_vector",
          "base_model.model." + Q + ".lora_embedding_A",
          "base_model.model." + Q + ".lora_B.bias",
          "base_model.model.lm_head.weight",
          "base_model.model.lora_A.weight",
          "base_model.model..lora_A.weight",
        }) {
      assertRefused(config, pair().f32(other, 2, 2), "tensor " + other, "expected ");
    }
  }

  @Test
  void pairsThatDoNotFitTheModel() throws IOException {
    String all = with("target_modules", "\".*\"");
    assertRefused(all, LoraFolder.pair("lm_head", 6, 8, 1), "lm_head", "none of that name");
    assertRefused(all, LoraFolder.pair("vision.layers.0.q_proj", 6, 8, 1), "none of that name");
    assertRefused(all, LoraFolder.pair(Q, 8, 6, 1), "lora_A", "[2, 8]", "F32 [2, 6]");
    assertRefused(all, LoraFolder.pair(Q, 7, 8, 1), "lora_B", "[6, 2]", "F32 [7, 2]");
    assertRefused(with("r", "3"), pair(), "lora_A", "[3, 8]", "F32 [2, 8]");
    assertRefused(all, LoraFolder.pair("model.layers.1.mlp.up_proj", 6, 8, 1), "to merge", "I8");
    SafetensorsBytes twice = pair();
    String[] names = LoraFolder.names("layers.0.self_attn.q_proj");
    assertRefused(
        all, twice.f32(names[0], 2, 8).f32(names[1], 6, 2), "expected one pair for each module");
    String[] own = LoraFolder.names(Q);
    assertRefused(
        all,
        new SafetensorsBytes().raw(own[0], "I8", new byte[16], 2, 8).f32(own[1], 6, 2),
        "F32, F16 or BF16 [2, 8]",
        "I8");
  }

  @Test
  void aNumberThatIsNotFinite() throws IOException {
    float[] a = new float[16];
    a[11] = Float.NaN;
    String[] names = LoraFolder.names(Q);
    Path adapter =
        LoraFolder.write(
            directory.resolve("adapter"),
            LoraFolder.CONFIG,
            new SafetensorsBytes().f32(names[0], a, 2, 8).f32(names[1], 6, 2));
    try (ModelDirectory model = model();
        LoraAdapter opened = LoraAdapter.open(adapter, model)) {
      LoraModule pair = opened.modules().getFirst();
      assertThatThrownBy(() -> new LoraUpdate(pair))
          .isInstanceOf(InputException.class)
          .hasMessageContainingAll(names[0], "NaN at row 1, column 3");
    }
  }

  @Test
  void aPickleIsNotRead() throws IOException {
    Path adapter = LoraFolder.write(directory.resolve("adapter"), LoraFolder.CONFIG, pair());
    Files.move(adapter.resolve("adapter_model.safetensors"), adapter.resolve("adapter_model.bin"));
    try (ModelDirectory model = model()) {
      assertThatThrownBy(() -> LoraAdapter.open(adapter, model))
          .isInstanceOf(InputException.class)
          .hasMessageContainingAll("adapter_model.bin", "pickle", "safe_serialization=True");
      Files.delete(adapter.resolve("adapter_model.bin"));
      assertThatThrownBy(() -> LoraAdapter.open(adapter, model))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("adapter_model.safetensors: expected ");
    }
  }
}
