package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Smaller models against those that a reference in NumPy made, which llama.cpp has run. */
class GgufRemovalTest {
  private static final Path FOLDER = Path.of("testdata", "gguf");
  static final JsonNode DERIVED = TestData.json(FOLDER.resolve("derived.json"));

  @TempDir Path directory;

  static Stream<String> derived() {
    return DERIVED.properties().stream().map(Map.Entry::getKey);
  }

  private static SortedMap<Integer, List<Integer>> kept(JsonNode byBlock) {
    SortedMap<Integer, List<Integer>> kept = new TreeMap<>();
    byBlock
        .properties()
        .forEach(
            block -> {
              List<Integer> numbers = new ArrayList<>();
              block.getValue().forEach(number -> numbers.add(number.intValue()));
              kept.put(Integer.valueOf(block.getKey()), numbers);
            });
    return kept;
  }

  static GgufRemoval removed(GgufRemoval model, JsonNode operation) {
    return switch (operation.path("kind").textValue()) {
      case "experts" -> model.keepExperts(kept(operation.path("kept")));
      case "all" -> {
        GgufRemoval smaller = model;
        for (JsonNode each : operation.path("operations")) {
          smaller = removed(smaller, each);
        }
        yield smaller;
      }
      case "neurons" -> model.keepChannels(kept(operation.path("kept")));
      case "heads" -> model.keepHeads(kept(operation.path("kept")));
      case "blocks" -> {
        Set<Integer> blocks = new TreeSet<>();
        operation.path("removed").forEach(block -> blocks.add(block.intValue()));
        yield model.removeBlocks(blocks);
      }
      default -> throw new IllegalStateException(operation.toString());
    };
  }

  private static String sha256(Path file) throws IOException, NoSuchAlgorithmException {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
  }

  @ParameterizedTest
  @MethodSource("derived")
  void filesHaveTheBytesOfTheReference(String name) throws Exception {
    JsonNode expected = DERIVED.path(name);
    Path file = directory.resolve("smaller.gguf");
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve(expected.path("from").textValue()))) {
      GgufCopy copy = new GgufCopy(removed(GgufRemoval.whole(source), expected.path("operation")));
      copy.write(file, bytes -> {});
      assertThat(sha256(file)).isEqualTo(expected.path("sha256").textValue());
      assertThat(copy.firstDifference(file)).isEmpty();
    }
  }

  /** A split model becomes a single file without the keys of its parts. */
  @Test
  void aWholeModelIsCopiedToTheByte() throws Exception {
    Path single = FOLDER.resolve("tiny-mixture-Q4_0.gguf");
    Path file = directory.resolve("whole.gguf");
    try (GgufFiles source = GgufFiles.open(single)) {
      new GgufCopy(GgufRemoval.whole(source)).write(file, bytes -> {});
    }
    assertThat(file).hasSameBinaryContentAs(single);
    Path parts = FOLDER.resolve("split/tiny-mixture-Q8_0-00001-of-00003.gguf");
    try (GgufFiles source = GgufFiles.open(parts)) {
      new GgufCopy(GgufRemoval.whole(source)).write(file, bytes -> {});
      assertThat(source.keys()).containsKey("split.count");
      try (GgufFiles joined = GgufFiles.open(file)) {
        assertThat(joined.keys()).doesNotContainKey("split.count");
        assertThat(joined.tensors().keySet()).isEqualTo(source.tensors().keySet());
      }
    }
  }

  /** The splitter of llama.cpp made these parts of at most 25 tensors. */
  @Test
  void aSplitModelIsSplitAgainToTheByte() throws IOException {
    Path folder = FOLDER.resolve("split");
    String name = "tiny-mixture-Q8_0-0000%d-of-00003.gguf";
    try (GgufFiles source = GgufFiles.open(folder.resolve(name.formatted(1)))) {
      List<GgufRemoval> parts = GgufParts.smaller(GgufRemoval.whole(source), List.of(0, 25, 50));
      for (int part = 1; part <= parts.size(); part++) {
        Path file = directory.resolve("part.gguf");
        new GgufCopy(parts.get(part - 1)).write(file, bytes -> {});
        assertThat(file).hasSameBinaryContentAs(folder.resolve(name.formatted(part)));
      }
    }
  }

  @Test
  void filesAreSplitByTheirTensorsBytes() {
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve("arch/mixtral-F32.gguf"))) {
      GgufRemoval whole = GgufRemoval.whole(source);
      long all = source.tensors().values().stream().mapToLong(t -> t.tensor().bytes()).sum();
      assertThat(GgufParts.of(whole, all).copies()).hasSize(1);
      assertThat(GgufParts.of(whole, all - 1).copies()).hasSize(2);
      GgufParts single = GgufParts.of(whole, 1);
      assertThat(single.copies()).hasSameSizeAs(whole.slices());
      assertThat(single.files(Path.of("a", "b.gguf")).getLast())
          .isEqualTo(Path.of("a", "b-%1$05d-of-%1$05d.gguf".formatted(whole.slices().size())));
    }
  }

  /** Whatever an earlier run left, its right beginning is kept and all else written anew. */
  @Test
  void whatIsBegunIsGoneOnWith() throws Exception {
    Path file = directory.resolve("smaller.gguf");
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve("arch/mixtral-F32.gguf"))) {
      GgufCopy copy = new GgufCopy(GgufRemoval.whole(source).removeBlocks(Set.of(1)));
      copy.write(file, bytes -> {});
      byte[] whole = Files.readAllBytes(file);
      for (int length : new int[] {0, 7, 5_000, whole.length / 2, whole.length - 1}) {
        Files.write(file, Arrays.copyOf(whole, length));
        copy.write(file, bytes -> {});
        assertThat(file).as("%d bytes", length).hasBinaryContent(whole);
      }
      Damage.flip(file, whole.length / 2, 4);
      copy.write(file, bytes -> {});
      assertThat(file).hasBinaryContent(whole);
      Files.write(file, Arrays.copyOf(whole, whole.length + 99));
      copy.write(file, bytes -> {});
      assertThat(file).hasBinaryContent(whole);
    }
  }

  @Test
  void nothingButZerosStandsBetweenTensors() throws IOException {
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve("arch/glm4_moe-F32.gguf"))) {
      GgufRemoval whole = GgufRemoval.whole(source);
      GgufCopy copy = new GgufCopy(whole);
      Path file = directory.resolve("x.gguf");
      copy.write(file, bytes -> {});
      assertThat(copy.firstDifference(file)).isEmpty();
      byte[] right = Files.readAllBytes(file);
      GgufTensor norm =
          whole.header().tensors().stream()
              .filter(tensor -> tensor.name().equals("blk.0.attn_k_norm.weight"))
              .findAny()
              .orElseThrow();
      Damage.flip(file, whole.header().dataOffset() + norm.end(), 1);
      assertThat(copy.firstDifference(file).orElseThrow().line())
          .contains("tensor blk.0.attn_k_norm.weight: expected zeros behind it");
      copy.write(file, bytes -> {});
      assertThat(file).hasBinaryContent(right);
    }
  }

  private void assertRefused(String model, String message, RemovalOf removal) {
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve(model))) {
      assertThatThrownBy(() -> removal.of(GgufRemoval.whole(source)))
          .isInstanceOf(UsageException.class)
          .hasMessageContaining(message);
    }
  }

  @FunctionalInterface
  private interface RemovalOf {
    GgufRemoval of(GgufRemoval whole);
  }

  /** All of these end llama.cpp's process, or it refuses to load them. */
  @Test
  void whatCannotBeLoadedIsRefused() {
    String mixtral = "arch/mixtral-F32.gguf";
    assertRefused(
        mixtral,
        "as many experts in each block",
        model -> model.keepExperts(new TreeMap<>(Map.of(0, List.of(0, 1), 1, List.of(0)))));
    assertRefused(
        mixtral,
        "as many experts in each block",
        model -> model.keepExperts(new TreeMap<>(Map.of(0, List.of(0, 1)))));
    assertRefused(
        "arch/deepseek_v3-F32.gguf",
        "4 groups share evenly",
        model -> model.keepExperts(new TreeMap<>(Map.of(1, List.of(0, 1, 2, 3, 4, 5, 6)))));
    assertRefused(
        "arch/qwen3-F32.gguf",
        "one width of all blocks",
        model -> model.keepChannels(new TreeMap<>(Map.of(0, List.of(0, 1), 1, List.of(0)))));
    assertRefused(
        "tiny-llama-Q4_K_M.gguf",
        "columns in whole blocks of 32",
        model -> {
          SortedMap<Integer, List<Integer>> kept = new TreeMap<>();
          for (int block = 0; block < 6; block++) {
            kept.put(block, List.of(0, 1, 2));
          }
          return model.keepChannels(kept);
        });
    assertRefused(
        "gpt_oss-MXFP4.gguf",
        "a block with a window among those that stay",
        model -> model.removeBlocks(Set.of(0)));
    assertRefused(
        "arch/glm4_moe-mtp-F32.gguf",
        "no blocks that predict further tokens",
        model -> model.keepHeads(new TreeMap<>(Map.of(0, List.of(0)))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "qwen2",
        "qwen2_moe",
        "olmo2",
        "olmoe",
        "stablelm",
        "nemotron",
        "gpt2",
        "gpt_neox",
        "bloom",
        "phi3"
      })
  void headsStayWhereTheyMustBeAsWideAsTheEmbedding(String model) {
    assertRefused(
        "arch/%s-F32.gguf".formatted(model),
        "heads needn't be as wide as its embedding",
        whole -> whole.keepHeads(new TreeMap<>(Map.of(0, List.of(0), 1, List.of(0)))));
  }

  /** Which number of blocks is left changes what llama.cpp takes a model for. */
  @Test
  void numbersOfBlocksAtWhichModelsAreOthersAreRefused() throws IOException {
    String latent = edited("deepseek_v3", "deepseek2", 28);
    assertRefused(
        latent, "other than 26 or 27 blocks left", model -> model.removeBlocks(Set.of(0)));
    assertThat(blocksLeft(edited("deepseek_v3", "deepseek2", 29), 1)).isEqualTo(28);
    Path lite = directory.resolve("lite.gguf");
    Files.write(
        lite,
        EditedGguf.of(FOLDER.resolve("arch/deepseek_v3-F32.gguf"))
            .key("deepseek2.block_count", 27)
            .withoutKey("deepseek2.attention.q_lora_rank")
            .bytes());
    assertThat(blocksLeft(lite.toString(), 1)).isEqualTo(26);
    assertRefused(
        lite.toAbsolutePath().toString(),
        "26 or 27 blocks left",
        model -> model.removeBlocks(Set.of(0, 1)));
    String message = "without 46 blocks";
    assertRefused(edited("gemma2-adjusted", "gemma2", 46), message, m -> m.removeBlocks(Set.of(0)));
    assertRefused(edited("gemma2-adjusted", "gemma2", 47), message, m -> m.removeBlocks(Set.of(0)));
    assertRefused(
        edited("gemma2-adjusted", "gemma2", 46),
        "heads needn't be",
        model -> model.keepHeads(new TreeMap<>(Map.of(0, List.of(0)))));
    assertRefused(
        edited("gemma3_text-adjusted", "gemma3", 62),
        "without 62 blocks",
        model -> model.removeBlocks(Set.of(0)));
  }

  /** Writes a model that says it has so many blocks, and returns the file's name. */
  private String edited(String model, String architecture, int blocks) throws IOException {
    Path file = directory.resolve("edited-%s-%d.gguf".formatted(model, blocks));
    EditedGguf edited = EditedGguf.of(FOLDER.resolve("arch/%s-F32.gguf".formatted(model)));
    edited.key(architecture + ".block_count", blocks);
    String windows = architecture + ".attention.sliding_window_pattern";
    if (architecture.startsWith("gemma")) {
      edited.key(windows, GgufValue.of(new boolean[blocks]));
    }
    return Files.write(file, edited.bytes()).toAbsolutePath().toString();
  }

  private static int blocksLeft(String model, int removed) {
    try (GgufFiles source = GgufFiles.open(Path.of(model))) {
      GgufRemoval smaller = GgufRemoval.whole(source).removeBlocks(Set.of(removed));
      return (int) smaller.model().allBlocks();
    }
  }
}
