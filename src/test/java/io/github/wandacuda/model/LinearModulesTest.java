package io.github.wandacuda.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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
  void eachExpertOfAStackIsAModule() throws IOException {
    SafetensorsBytes weights =
        new SafetensorsBytes()
            .f32("model.layers.0.mlp.experts.gate_up_proj", 2, 4, 6)
            .f32("model.layers.0.mlp.experts.down_proj", 2, 3, 4)
            .f32("model.layers.1.mlp.experts.gate_up_proj", 1, 6, 4)
            .f32("model.layers.1.mlp.experts.down_proj", 1, 4, 3)
            .f32("model.layers.1.block_sparse_moe.output_linear.weight", 1, 5, 2)
            .f32("model.layers.1.block_sparse_moe.router.layer.weight", 1, 4);
    try (ModelDirectory model = model("{\"hidden_size\": 4}", weights)) {
      assertThat(model.modules())
          .map(module -> module.name() + " " + module.rows() + " " + module.columns())
          .containsExactly(
              "model.layers.0.mlp.experts.down_proj.0 4 3",
              "model.layers.0.mlp.experts.down_proj.1 4 3",
              "model.layers.0.mlp.experts.gate_up_proj.0 6 4",
              "model.layers.0.mlp.experts.gate_up_proj.1 6 4",
              "model.layers.1.block_sparse_moe.output_linear.0 5 2",
              "model.layers.1.block_sparse_moe.router.layer 1 4",
              "model.layers.1.mlp.experts.down_proj.0 4 3",
              "model.layers.1.mlp.experts.gate_up_proj.0 6 4");
      assertThat(model.modules().get(0).transposed()).isTrue();
      assertThat(model.modules().get(6).transposed()).isFalse();
      assertThat(names(model.choose(ModuleChoice.DEFAULT)))
          .hasSize(7)
          .doesNotContain("model.layers.1.block_sparse_moe.router.layer");
    }
  }

  /** They are beyond the blocks that the config counts, or have a prefix of their own. */
  @Test
  void blocksThatPredictFurtherTokensAreChosenOnlyByTheirNames() throws IOException {
    SafetensorsBytes weights =
        new SafetensorsBytes()
            .f32("model.layers.0.mlp.up_proj.weight", 2, 4)
            .f32("model.layers.1.mlp.up_proj.weight", 2, 4)
            .f32("model.layers.1.eh_proj.weight", 2, 4)
            .f32("mtp.layers.0.mlp.up_proj.weight", 2, 4);
    try (ModelDirectory model = model("{\"num_hidden_layers\": 1}", weights)) {
      assertThat(names(model.choose(ModuleChoice.DEFAULT)))
          .containsExactly("model.layers.0.mlp.up_proj");
      assertThat(names(model.choose(choice("up_proj"))))
          .containsExactly("model.layers.0.mlp.up_proj");
      assertThat(names(model.choose(choice("layers\\.1\\."))))
          .containsExactly("model.layers.1.eh_proj", "model.layers.1.mlp.up_proj");
      assertThat(names(model.choose(choice("mtp")))).containsExactly("mtp.layers.0.mlp.up_proj");
    }
  }

  private static ModuleChoice choice(String pattern) {
    return new ModuleChoice(List.of(Pattern.compile(pattern)), List.of());
  }

  @Test
  void findsMatricesInsideBlocksAlone() throws IOException {
    SafetensorsBytes weights = new SafetensorsBytes();
    for (String name :
        List.of(
            """
            model.embed_tokens lm_head model.layers.10.self_attn.q_proj
            model.layers.2.self_attn.q_proj model.layers.2.block_sparse_moe.gate
            model.layers.2.block_sparse_moe.experts.1.w1 transformer.h.0.attn.c_attn
            gpt_neox.layers.1.attention.query_key_value h.3.mlp.dense_4h_to_h
            model.decoder.project_in vision_tower.layers.0.q_proj model.layers.2.pos_embed\
            """
                .split("\\s+"))) {
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
        MemorySegment bytes = MemorySegment.ofArray(TensorBytes.of(file, module.tensor()));
        assertThat(module.view(bytes).get(1, 2)).isEqualTo(2 * 12 + 1);
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
          .hasMessageContaining("`exclude`: 'no_such_module'");
      assertThatThrownBy(
              () -> model.choose(new ModuleChoice(List.of(), List.of(Pattern.compile("layers")))))
          .isInstanceOf(UsageException.class);
    }
  }

  /** As long as names may be, and of parts that each could be a block's. */
  @ParameterizedTest
  @ValueSource(strings = {"a.", "layers.", "0.", "layers.0.", "h.1.", "vision.", "x.embed."})
  void longNamesAreReadInNoTimeAndLittleStack(String part)
      throws IOException, InterruptedException {
    String name = part.repeat(4000 / part.length()) + "weight";
    SafetensorsBytes file = new SafetensorsBytes().f32(name, 4, 4);
    for (int module = 0; module < 300; module++) {
      file.f32("layers.%d.q.weight".formatted(module), 4, 4);
    }
    file.write(directory.resolve("model.safetensors"));
    Files.writeString(directory.resolve("config.json"), "{}");
    AtomicInteger found = new AtomicInteger();
    Runnable open =
        () -> {
          try (ModelDirectory model = ModelDirectory.open(directory)) {
            found.set(model.modules().size());
          }
        };
    Thread thread = new Thread(null, open, "little stack", 256 << 10);
    thread.start();
    assertThat(thread.join(Duration.ofSeconds(10))).isTrue();
    assertThat(found.get()).isBetween(300, 301);
  }

  /** Without a type the architecture says whether weights lie the other way. */
  @ParameterizedTest
  @CsvSource({
    "gpt2, GPT2LMHeadModel, true",
    "'', GPT2LMHeadModel, true",
    "'', OpenAIGPTModel, true",
    "'', LlamaForCausalLM, false",
    "llama, GPT2LMHeadModel, false"
  })
  void conv1dGoesByTypeOrElseByArchitecture(String type, String architecture, boolean transposed)
      throws IOException {
    new SafetensorsBytes()
        .f32("h.0.c_fc.weight", 4, 8)
        .write(directory.resolve("model.safetensors"));
    Files.writeString(
        directory.resolve("config.json"),
        "{\"model_type\": \"%s\", \"architectures\": [\"%s\"]}".formatted(type, architecture));
    try (ModelDirectory model = ModelDirectory.open(directory)) {
      assertThat(model.modules().get(0).transposed()).isEqualTo(transposed);
    }
  }
}
