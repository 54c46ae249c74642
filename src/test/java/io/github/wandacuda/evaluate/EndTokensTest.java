package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EndTokensTest {
  @TempDir Path directory;

  private Set<Integer> ends(String config, String generation) throws IOException {
    Files.writeString(directory.resolve("config.json"), config);
    Path file = directory.resolve("generation_config.json");
    Files.deleteIfExists(file);
    if (generation != null) {
      Files.writeString(file, generation);
    }
    return SpecialTokens.ends(ModelConfig.read(directory));
  }

  @Test
  void generationConfigComesFirst() throws IOException {
    assertThat(ends("{\"eos_token_id\": 2}", null)).containsExactly(2);
    assertThat(ends("{\"eos_token_id\": [2, 3]}", "{}")).containsExactly(2, 3);
    assertThat(ends("{\"eos_token_id\": 2}", "{\"eos_token_id\": [7, 8]}")).containsExactly(7, 8);
    assertThat(ends("{\"eos_token_id\": 2}", "{\"eos_token_id\": null}")).containsExactly(2);
    assertThat(ends("{}", null)).isEmpty();
  }

  @Test
  void anythingElseIsNamed() {
    assertThatThrownBy(() -> ends("{}", "{\"eos_token_id\": \"</s>\"}"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("generation_config.json")
        .hasMessageContaining("eos_token_id: expected a token id or a list of them, found");
    assertThatThrownBy(() -> ends("{}", "{"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("generation_config.json");
  }
}
