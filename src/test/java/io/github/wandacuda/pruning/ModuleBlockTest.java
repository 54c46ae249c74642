package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModuleBlockTest {
  @TempDir Path directory;

  private ModelDirectory model(String... modules) throws IOException {
    Files.writeString(directory.resolve("config.json"), "{\"model_type\": \"llama\"}");
    SafetensorsBytes weights = new SafetensorsBytes();
    for (String module : modules) {
      weights.f32(module + ".weight", 2, 4);
    }
    weights.write(directory.resolve("model.safetensors"));
    return ModelDirectory.open(directory);
  }

  @Test
  void blocksComeInTheOrderOfTheirNumbers() throws IOException {
    try (ModelDirectory model =
        model("model.layers.10.fc", "model.layers.2.fc", "model.layers.2.up.layers.7.x")) {
      List<ModuleBlock> blocks = ModuleBlock.of(model.modules());
      assertThat(blocks).extracting(ModuleBlock::number).containsExactly(2, 10);
      assertThat(blocks).extracting(ModuleBlock::elements).containsExactly(16L, 8L);
      assertThat(ModuleBlock.sparsities(blocks, new double[] {0.25, 0.75}))
          .isEqualTo(
              Map.of(
                  "model.layers.2.fc", 0.25,
                  "model.layers.2.up.layers.7.x", 0.25,
                  "model.layers.10.fc", 0.75));
    }
  }

  @Test
  void refusesANumberBeyondAnInt() throws IOException {
    try (ModelDirectory model = model("h.2147483648.fc")) {
      assertThatThrownBy(() -> ModuleBlock.of(model.modules()))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("h.2147483648.fc.weight: expected a block's number below 2^31");
    }
  }

  @Test
  void aModuleNameHasTheNumberOfItsBlock() {
    assertThat(LinearModules.block("model.layers.12.mlp.up_proj")).hasValue(12);
    assertThat(LinearModules.block("h.007.attn")).hasValue(7);
    assertThat(LinearModules.block("model.layers.2.up.layers.7.x")).hasValue(2);
    assertThat(LinearModules.block("model.embed_tokens")).isEmpty();
    assertThat(LinearModules.block("model.layers.x.up")).isEmpty();
  }
}
