package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The decoder of a model that reads pictures as well is found, and its tower is left alone. */
class MultimodalTest {
  private static final String TOWER = "model.vision_tower.";

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "gemma3_text, gemma3, model.language_model., lm_head",
    "olmo2, llava, language_model.model., language_model.lm_head",
    "ministral3, mistral3, language_model., lm_head"
  })
  void theTextPartIsThatOfTheFamily(String family, String type, String prefix, String head)
      throws IOException {
    Path fixture = TestData.fixture(family).resolve("model");
    ObjectNode text = (ObjectNode) TestData.json(fixture.resolve("config.json"));
    text.remove("architectures");
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    config.put("model_type", type).putArray("architectures").add("ForConditionalGeneration");
    config.set("text_config", text);
    Files.writeString(directory.resolve("config.json"), config.toString());
    rename(fixture.resolve("model.safetensors"), prefix, head);
    try (Backend backend = ScalarCpu.open(2)) {
      new FixtureChecks(family, backend, directory).logitsAre(2e-4);
    }
    try (ModelDirectory model = ModelDirectory.open(directory)) {
      assertThat(model.modules().stream().map(LinearModule::name))
          .isNotEmpty()
          .allMatch(name -> name.startsWith(prefix));
      assertThat(LinearModules.towers(model.checkpoint()))
          .isEqualTo(Map.of("model.vision_tower", 4L));
    }
  }

  /** Copies a file whose tensors have other names, with one more tensor, of a tower. */
  private void rename(Path file, String prefix, String head) throws IOException {
    ByteBuffer source = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[(int) source.getLong()];
    source.get(header);
    String names =
        new String(header, StandardCharsets.UTF_8)
            .strip()
            .replace("\"model.", "\"" + prefix)
            .replace("\"lm_head", "\"" + head);
    int data = source.remaining();
    String tower =
        ",\"%sencoder.layers.0.q_proj.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],"
            + "\"data_offsets\":[%d,%d]}}";
    byte[] all =
        (names.substring(0, names.length() - 1) + tower.formatted(TOWER, data, data + 16))
            .getBytes(StandardCharsets.UTF_8);
    ByteBuffer copy =
        ByteBuffer.allocate(8 + all.length + data + 16).order(ByteOrder.LITTLE_ENDIAN);
    copy.putLong(all.length).put(all).put(source);
    Files.write(directory.resolve("model.safetensors"), copy.array());
  }
}
