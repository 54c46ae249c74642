package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.gguf.GgufFiles.Stored;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.text.TokenizerFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are written here, beside those of llama.cpp's converter and quantizer. */
class GgufExportTest {
  private static final Path FOLDER = Path.of("testdata", "gguf");

  @TempDir Path folder;

  private GgufFiles written(Path model, String type) {
    Path file = folder.resolve("x.gguf");
    try (ModelDirectory opened = ModelDirectory.open(model);
        Workers workers = new Workers(2)) {
      ObjectNode config = opened.config().root().deepCopy();
      // The trained mixture has it otherwise than llama.cpp computes it, which the job refuses.
      config.replace("norm_topk_prob", BooleanNode.FALSE);
      GgufExport export =
          new GgufExport(
              opened.checkpoint(), opened.config().file(), config, opened.tokenizer(), type);
      try (GgufExportWriter writer = GgufExportWriter.open(export, file)) {
        writer.write(workers, bytes -> {});
        assertThat(writer.firstDifference(workers, bytes -> {})).isEmpty();
      }
      assertThat(file).hasSize(export.bytes());
    }
    return GgufFiles.open(file);
  }

  private static byte[] bytes(Stored stored) {
    byte[] bytes = new byte[Math.toIntExact(stored.tensor().bytes())];
    stored.read(0, MemorySegment.ofArray(bytes));
    return bytes;
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-llama, BF16",
    "tiny-llama, F16",
    "tiny-llama, Q8_0",
    "tiny-llama, Q4_0",
    "tiny-llama, Q4_1",
    "tiny-llama, Q5_0",
    "tiny-llama, Q5_1",
    "tiny-mixture, BF16",
    "tiny-mixture, Q8_0",
    "tiny-mixture, Q4_0",
    "tiny-mixture, Q4_1"
  })
  void allBytesOfTensorsAreLlamaCpps(String model, String type) throws Exception {
    JsonNode expected = TestData.json(FOLDER.resolve("converted.json"));
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    try (GgufFiles files = written(Path.of("testdata/models", model), type)) {
      for (Stored stored : new TreeMap<>(files.tensors()).values()) {
        String name = stored.name() + " " + stored.tensor().type();
        digest.update(name.getBytes(StandardCharsets.UTF_8));
        digest.update(bytes(stored));
      }
    }
    assertThat(HexFormat.of().formatHex(digest.digest()))
        .isEqualTo(expected.path(model).path(type).textValue());
  }

  /** The converter leaves out what follows from other keys. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-gqa",
        "llama-linear",
        "llama-mha",
        "llama-yarn",
        "llama3",
        "mixtral",
        "qwen2",
        "qwen3",
        "qwen2_moe",
        "gemma",
        "granite",
        "olmoe",
        "seed_oss"
      })
  void keysAndTensorsAreThoseOfTheConverter(String name) {
    Path model = TestData.fixture(name).resolve("model");
    try (GgufFiles files = written(model, "F32");
        GgufFiles expected = GgufFiles.open(FOLDER.resolve("arch/%s-F32.gguf".formatted(name)))) {
      assertThat(files.tensors().keySet())
          .containsExactlyInAnyOrderElementsOf(expected.tensors().keySet());
      for (Stored stored : expected.tensors().values()) {
        Stored own = files.find(stored.name()).orElseThrow();
        assertThat(own.tensor().type()).as(stored.name()).isEqualTo(stored.tensor().type());
        assertThat(bytes(own)).as(stored.name()).isEqualTo(bytes(stored));
      }
      Map<String, GgufValue> keys = new TreeMap<>(files.keys());
      assertThat(keys).containsAllEntriesOf(new TreeMap<>(expected.keys()));
      keys.keySet().removeAll(expected.keys().keySet());
      String architecture = keys(expected).architecture() + ".";
      keys.keySet()
          .removeAll(
              Set.of(
                  architecture + "rope.freq_base",
                  architecture + "vocab_size",
                  architecture + "expert_feed_forward_length"));
      assertThat(keys).isEmpty();
    }
  }

  private static GgufKeys keys(GgufFiles files) {
    return new GgufKeys(files.path(), files.keys());
  }

  /** The other file was quantized, which leaves the keys as they are. */
  @Test
  void theTokenizersKeysAreThoseOfTheConverter() {
    try (GgufFiles files = written(TestData.TINY_LLAMA, "F32");
        GgufFiles expected = GgufFiles.open(FOLDER.resolve("tiny-llama-Q4_0.gguf"))) {
      Map<String, GgufValue> keys = new TreeMap<>(expected.keys());
      keys.remove("general.file_type");
      // A separator is no part of a decoder's text.
      keys.remove("tokenizer.ggml.add_sep_token");
      assertThat(files.keys()).containsAllEntriesOf(keys);
      keys.put("general.file_type", GgufValue.of(0));
      assertThat(files.keys()).isEqualTo(keys);
    }
  }

  static List<String> preTokenizers() {
    return List.copyOf(GgufPreTokenizer.all().keySet());
  }

  /** A tokenizer.json that was made of keys gives these keys again. */
  @ParameterizedTest
  @MethodSource("preTokenizers")
  void bytePairsComeBack(String name) throws IOException {
    EditedGguf model = GgufTokenizerTest.neighbours(name);
    Path file = Files.write(folder.resolve("bytes.gguf"), model.bytes());
    Path json = Files.write(folder.resolve("tokenizer.json"), GgufTokenizer.open(file).json());
    Map<String, GgufValue> keys =
        new GgufExportTokenizer(new TokenizerFile(json), MissingNode.getInstance(), folder)
            .keys(model.key("tokenizer.ggml.tokens").count());
    for (String same : List.of("model", "tokens", "merges", "token_type")) {
      String key = "tokenizer.ggml." + same;
      assertThat(keys.get(key)).as(key).isEqualTo(model.key(key));
    }
    GgufPreTokenizer expected = GgufPreTokenizer.all().get(name);
    GgufPreTokenizer found =
        GgufPreTokenizer.all().get(keys.get("tokenizer.ggml.pre").text().orElseThrow());
    assertThat(found.split()).isEqualTo(expected.split());
    assertThat(found.wholePieces()).isEqualTo(expected.wholePieces());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"model\": {\"type\": \"Unigram\"}} | found Unigram",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 7}, \"merges\": []}} | found 7",
        "{\"model\": {\"vocab\": {\"a\": 1}, \"merges\": [\"a b\"]}} | pre_tokenizer",
        "{\"normalizer\": {\"type\": \"Lowercase\"}, \"model\": {\"vocab\": {\"a\": 1}}} | found Lowercase"
      })
  void otherTokenizersAreRefused(String json, String message) throws IOException {
    Path file = Files.writeString(folder.resolve("tokenizer.json"), json);
    assertThatThrownBy(
            () ->
                new GgufExportTokenizer(new TokenizerFile(file), MissingNode.getInstance(), folder)
                    .keys(4))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(message);
  }
}
