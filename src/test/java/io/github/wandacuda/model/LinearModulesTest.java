package io.github.wandacuda.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LinearModulesTest {
  @TempDir Path directory;

  private ModelDirectory model(String config, SafetensorsBytes weights) throws IOException {
    Files.writeString(directory.resolve("config.json"), config);
    weights.write(directory.resolve("model.safetensors"));
    return ModelDirectory.open(directory);
  }

  private static List<String> names(List<LinearModule> modules) {
    return modules.stream().map(LinearModule::name).toList();
  }

  @Test
  void findsTheModulesOfTheBundledModelInCodePointOrder() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertThat(names(model.modules()))
          .hasSize(42)
          .isSorted()
          .startsWith("model.layers.0.mlp.down_proj", "model.layers.0.mlp.gate_proj");
    }
  }

  @Test
  void findsMatricesInsideBlocksAlone() throws IOException {
    SafetensorsBytes weights = new SafetensorsBytes();
    for (String name :
        List.of(
            "model.embed_tokens",
            "lm_head",
            "model.layers.10.self_attn.q_proj",
            "model.layers.2.self_attn.q_proj",
            "model.layers.2.block_sparse_moe.gate",
            "model.layers.2.block_sparse_moe.experts.1.w1",
            "transformer.h.0.attn.c_attn",
            "gpt_neox.layers.1.attention.query_key_value",
            "h.3.mlp.dense_4h_to_h",
            "model.decoder.project_in",
            "vision_tower.layers.0.q_proj",
            "model.layers.2.pos_embed")) {
      weights.f32(name + ".weight", 2, 4);
    }
    weights.f32("model.layers.2.input_layernorm.weight", 4);
    weights.f32("model.layers.2.self_attn.q_proj.bias", 4);
    try (ModelDirectory model = model("{\"model_type\": \"unheard-of\"}", weights)) {
      assertThat(names(model.modules()))
          .containsExactly(
              "gpt_neox.layers.1.attention.query_key_value",
              "h.3.mlp.dense_4h_to_h",
              "model.layers.10.self_attn.q_proj",
              "model.layers.2.block_sparse_moe.experts.1.w1",
              "model.layers.2.block_sparse_moe.gate",
              "model.layers.2.self_attn.q_proj",
              "transformer.h.0.attn.c_attn");
      assertThat(names(model.choose(ModuleChoice.DEFAULT)))
          .doesNotContain("model.layers.2.block_sparse_moe.gate")
          .hasSize(6);
    }
  }

  @Test
  void readsConv1dTransposed() throws IOException {
    SafetensorsBytes weights = new SafetensorsBytes().f32("h.0.attn.c_attn.weight", 4, 12);
    try (ModelDirectory model = model("{\"model_type\": \"gpt2\"}", weights)) {
      LinearModule module = model.modules().get(0);
      assertThat(module.rows()).isEqualTo(12);
      assertThat(module.columns()).isEqualTo(4);
      try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("model.safetensors"))) {
        // Element (row 1, column 2) of the layer is element (2, 1) of what is stored.
        assertThat(module.view(file.data(module.tensor())).get(1, 2)).isEqualTo(2 * 12 + 1);
      }
    }
  }

  @Test
  void namesAChosenModuleThatIsQuantized() throws IOException {
    SafetensorsBytes weights =
        new SafetensorsBytes()
            .f32("model.layers.0.a.weight", 2, 4)
            .raw("model.layers.0.b.qweight", "I32", new byte[32], 2, 4);
    try (ModelDirectory model = model("{}", weights)) {
      assertThatThrownBy(() -> model.choose(ModuleChoice.DEFAULT))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("model.layers.0.b.qweight")
          .hasMessageContaining("I32");
      ModuleChoice without = new ModuleChoice(List.of(), List.of(Pattern.compile("\\.b")));
      assertThat(names(model.choose(without))).containsExactly("model.layers.0.a");
    }
  }

  @Test
  void patternsReplaceAndRemove() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      ModuleChoice queries =
          new ModuleChoice(
              List.of(Pattern.compile("q_proj$"), Pattern.compile("k_proj")),
              List.of(Pattern.compile("layers\\.0\\.")));
      assertThat(names(model.choose(queries)))
          .hasSize(10)
          .allMatch(name -> name.endsWith("q_proj") || name.endsWith("k_proj"))
          .noneMatch(name -> name.contains("layers.0."));
    }
  }

  @Test
  void aPatternThatMatchesNothingIsAUsageError() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertThatThrownBy(
              () ->
                  model.choose(
                      new ModuleChoice(List.of(), List.of(Pattern.compile("no_such_module")))))
          .isInstanceOf(UsageException.class)
          .hasMessageContaining("--exclude 'no_such_module'");
      assertThatThrownBy(
              () -> model.choose(new ModuleChoice(List.of(), List.of(Pattern.compile("layers")))))
          .isInstanceOf(UsageException.class);
    }
  }
}
