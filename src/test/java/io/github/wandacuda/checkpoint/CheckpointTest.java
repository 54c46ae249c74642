package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.checkpoint.TestFiles.assertInputError;
import static io.github.wandacuda.checkpoint.TestFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.testing.TensorBytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void makeModel() throws IOException {
    model = Files.createDirectory(folder.resolve("model"));
  }

  private void shard(String name, String... tensors) throws IOException {
    String[] entries = new String[tensors.length];
    for (int i = 0; i < tensors.length; i++) {
      entries[i] = entry(tensors[i], "U8", "[1]", i, i + 1);
    }
    TestFiles.write(model.resolve(name), new byte[tensors.length], entries);
  }

  private void index(String weightMap) throws IOException {
    Files.writeString(
        model.resolve(INDEX),
        "{\"metadata\":{\"total_size\":1.0},\"weight_map\":" + weightMap + "}");
  }

  private void assertRefused(String... parts) {
    assertInputError(() -> Checkpoint.open(model).close(), parts);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fixtures/llama-gqa/model", "models/tiny-llama"})
  void realModelsAreReadByTheirIndex(String name) throws IOException {
    Path directory = Path.of("testdata", name);
    JsonNode index = new ObjectMapper().readTree(directory.resolve(INDEX).toFile());
    try (var checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.index()).contains(directory.resolve(INDEX));
      assertThat(checkpoint.shards())
          .extracting(shard -> shard.path().getFileName().toString())
          .containsExactly(
              "model-00001-of-00003.safetensors",
              "model-00002-of-00003.safetensors",
              "model-00003-of-00003.safetensors");
      assertThat(checkpoint.tensors()).hasSize(index.get("weight_map").size());
      for (Map.Entry<String, JsonNode> entry : index.get("weight_map").properties()) {
        assertThat(checkpoint.find(entry.getKey()).orElseThrow().shard().path())
            .isEqualTo(directory.resolve(entry.getValue().textValue()));
      }
      assertThat(checkpoint.tensors().mapToLong(entry -> entry.info().bytes()).sum())
          .isEqualTo(index.at("/metadata/total_size").longValue());
      long total = 0;
      for (SafetensorsFile shard : checkpoint.shards()) {
        total += Files.size(shard.path());
      }
      assertThat(checkpoint.totalBytes()).isEqualTo(total);
    }
  }

  @Test
  void aTensorIsFoundInItsShard() {
    try (var checkpoint = Checkpoint.open(TestFiles.LLAMA_GQA)) {
      var weight = checkpoint.find("model.layers.0.self_attn.k_proj.weight").orElseThrow();
      assertThat(weight.info().columns()).isEqualTo(32);
      assertThat(TensorBytes.of(weight.shard(), weight.info()))
          .hasSize((int) weight.info().bytes());
      var norm = checkpoint.find("model.norm.weight").orElseThrow();
      assertThat(norm.shard().vector(norm.info())).hasSize(32);
      assertThat(checkpoint.find("no.such")).isEmpty();
    }
  }

  @Test
  void aSingleFileNeedsNoIndex() throws IOException {
    shard("model.safetensors", "b", "a");
    try (var checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.index()).isEmpty();
      assertThat(checkpoint.tensors())
          .extracting(entry -> entry.info().name())
          .containsExactly("b", "a");
    }
  }

  @Test
  void aSingleFileComesBeforeAnIndex() throws IOException {
    shard("model.safetensors", "a");
    Files.writeString(model.resolve(INDEX), "not even JSON");
    try (var checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.index()).isEmpty();
      assertThat(checkpoint.tensors()).hasSize(1);
    }
  }

  @Test
  void tensorsThatTheIndexDoesNotListAreTaken() throws IOException {
    shard("s1", "a", "extra");
    index("{\"a\":\"s1\"}");
    try (var checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.tensors())
          .extracting(entry -> entry.info().name())
          .containsExactly("a", "extra");
    }
  }

  @Test
  void shardsAreInTheOrderOfTheirNames() throws IOException {
    shard("s10", "a");
    shard("s2", "b");
    shard("S3", "c");
    index("{\"b\":\"s2\",\"c\":\"S3\",\"a\":\"s10\"}");
    try (var checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.tensors())
          .extracting(entry -> entry.info().name())
          .containsExactly("c", "a", "b");
    }
  }

  @Test
  void shardsOutsideAreRefused() throws IOException {
    Path outside = TestFiles.LLAMA_GQA.toAbsolutePath();
    for (String name : List.of("model-00001-of-00003.safetensors", INDEX)) {
      Files.copy(outside.resolve(INDEX), model.resolve(INDEX), StandardCopyOption.REPLACE_EXISTING);
      Files.deleteIfExists(model.resolve(name));
      Files.createSymbolicLink(model.resolve(name), outside.resolve(name));
      assertInputError(
          () -> Checkpoint.open(model).close(),
          model.resolve(name) + ": expected a file inside the model's directory",
          "found a link to " + outside.resolve(name));
    }
  }

  /** As in a Hugging Face cache. */
  @Test
  void linkedShardsAreFollowed() throws IOException {
    Path blobs = Files.createDirectory(folder.resolve("blobs"));
    Path snapshot = Files.createDirectories(folder.resolve("snapshots/0123"));
    for (int i = 1; i <= 3; i++) {
      String name = "model-0000%d-of-00003.safetensors".formatted(i);
      Files.copy(TestFiles.LLAMA_GQA.resolve(name), blobs.resolve("b" + i));
      Files.createSymbolicLink(snapshot.resolve(name), Path.of("../../blobs/b" + i));
    }
    Files.copy(TestFiles.LLAMA_GQA.resolve(INDEX), blobs.resolve("index"));
    Files.createSymbolicLink(snapshot.resolve(INDEX), Path.of("../../blobs/index"));
    try (var linked = Checkpoint.open(snapshot);
        var real = Checkpoint.open(TestFiles.LLAMA_GQA)) {
      assertThat(linked.tensors()).hasSize((int) real.tensors().count());
      for (Checkpoint.Entry entry : real.tensors().toList()) {
        assertThat(TensorBytes.of(linked, entry.info().name()))
            .isEqualTo(TensorBytes.of(entry.shard(), entry.info()));
      }
    }
  }

  @Test
  void aThousandShardsAreOpened() throws IOException {
    StringBuilder map = new StringBuilder();
    for (int i = 0; i < 1000; i++) {
      shard("s" + i, "t" + i);
      map.append(i == 0 ? "{" : ",").append("\"t%d\":\"s%d\"".formatted(i, i));
    }
    index(map.append('}').toString());
    try (var checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.shards()).hasSize(1000);
      assertThat(TensorBytes.of(checkpoint, "t999")).startsWith((byte) 0);
    }
  }

  @Test
  void contradictionsBetweenIndexAndShardsAreRefused() throws IOException {
    shard("s1", "a", "b");
    shard("s2", "c");
    index("{\"a\":\"s1\",\"c\":\"s2\",\"d\":\"s2\"}");
    assertRefused(INDEX + ": tensor d: expected it in s2, found it in no shard");
    index("{\"a\":\"s1\",\"b\":\"s2\"}");
    assertRefused(INDEX + ": tensor b: expected it in s2, found it in s1");
    index("{\"a\":\"s1\",\"c\":\"s3\"}");
    assertRefused(model.resolve("s3") + ": expected a safetensors file, found nothing");
    shard("s2", "c", "b");
    index("{\"a\":\"s1\",\"c\":\"s2\"}");
    assertRefused(model.resolve("s2") + ": tensor b: expected a tensor of one shard", "in s1 too");
    Files.write(model.resolve("s2"), new byte[3]);
    assertRefused(model.resolve("s2") + ": expected at least 8 bytes");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", ".", "..", "../s1", "/etc/passwd", "sub/s1",
        "s1/", "./s1", "sub\\\\s1", "s1\\u0000", "..\\\\s1", "s1\\n/x"
      })
  void shardsOutsideOfTheModelAreRefused(String name) throws IOException {
    shard("s1", "a");
    index("{\"a\":\"" + name + "\"}");
    assertRefused(INDEX + ": tensor a: expected the name of a file beside the index, found \"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[]|index: expected an object, found [",
        "''|index: expected an object, found its end",
        "{|index: expected JSON",
        "{} {}|expected weight_map with tensors, found none",
        "{\"metadata\":{}}|expected weight_map with tensors, found none",
        "{\"weight_map\":{}}|expected weight_map with tensors, found an empty one",
        "{\"weight_map\":[]}|weight_map: expected an object, found [",
        "{\"weight_map\":{\"a\":1}}|tensor a: expected a file name, found 1",
        "{\"weight_map\":{\"a\":null}}|tensor a: expected a file name, found null",
        "{\"weight_map\":{\"a\":\"s\",\"a\":\"s\"}}|tensor a: expected one shard, found a second",
        "{\"weight_map\":{\"a\":\"s\"},\"weight_map\":{}}|expected one weight_map",
        "{\"weight_map\":{\"a\":\"s\"}} x|index: expected JSON"
      })
  void aDamagedIndexIsRefused(String index, String part) throws IOException {
    Files.writeString(model.resolve(INDEX), index);
    assertRefused(model.resolve(INDEX) + ": ", part);
  }

  @Test
  void aFolderWithoutWeightsIsRefused() throws IOException {
    assertRefused(
        model + ": expected model.safetensors or model.safetensors.index.json, found neither");
    Files.writeString(model.resolve("pytorch_model.bin"), "");
    assertRefused("found neither, but weights in a form that is not read (pytorch_model.bin)");
    Files.writeString(model.resolve("model-00001-of-00002.safetensors"), "");
    Files.writeString(model.resolve("consolidated.00.pth"), "");
    Files.writeString(model.resolve("a\n.gguf"), "");
    assertRefused(
        "(a\\u000a.gguf, consolidated.00.pth, model-00001-of-00002.safetensors and 1 more)");
  }

  @Test
  void whatIsNoFolderIsRefused() throws IOException {
    assertInputError(
        () -> Checkpoint.open(folder.resolve("none")).close(), "a model directory, found nothing");
    Path file = Files.writeString(folder.resolve("file"), "");
    assertInputError(() -> Checkpoint.open(file).close(), "a model directory, found a file");
  }

  @Test
  void aLinkToNothingIsNotPassedOver() throws IOException {
    shard("s1", "a");
    index("{\"a\":\"s1\"}");
    Files.createSymbolicLink(model.resolve("model.safetensors"), Path.of("gone"));
    assertRefused("model.safetensors: expected a safetensors file, found a symbolic link to");
  }
}
