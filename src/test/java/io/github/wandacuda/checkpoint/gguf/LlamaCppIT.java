package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.LlamaCpp;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.text.DjlTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The same files, here and in the real llama.cpp. */
@Thorough
class LlamaCppIT {
  private static final Path FOLDER = Path.of("testdata", "gguf");
  private static final JsonNode EXPECTED = TestData.json(FOLDER.resolve("expected.json"));

  private static LlamaCpp llama;

  @TempDir Path folder;

  @BeforeAll
  static void llamaIsThere() {
    llama = LlamaCpp.assumePresent();
  }

  private static Path tokens(String model) {
    String name = EXPECTED.path(model).path("tokens").textValue();
    return FOLDER.resolve("tokens").resolve(name + ".json");
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "mixtral", "qwen3", "deepseek_v3"})
  void perplexitiesAgree(String name) {
    String model = "arch/%s-F32.gguf".formatted(name);
    double its = llama.perplexity(FOLDER.resolve(model), tokens(model));
    try (CpuDecoder decoder = CpuDecoder.open(FOLDER.resolve(model), 2)) {
      double ours = decoder.perplexity(TestData.tokens(tokens(model)));
      assertThat(ours).isCloseTo(its, withinPercentage(1e-4));
    }
  }

  @Test
  void codesAgreeUpToItsRoundingOfActivations() {
    String model = "tiny-llama-Q4_K_M.gguf";
    double its = llama.perplexity(FOLDER.resolve(model), tokens(model));
    assertThat(its)
        .isCloseTo(EXPECTED.path(model).path("perplexity").doubleValue(), withinPercentage(1));
  }

  /** Each file that {@link GgufRemovalTest} writes. */
  @ParameterizedTest
  @MethodSource("io.github.wandacuda.checkpoint.gguf.GgufRemovalTest#derived")
  void smallerModelsAreLoaded(String name) throws IOException {
    JsonNode expected = GgufRemovalTest.DERIVED.path(name);
    String model = expected.path("from").textValue();
    Path file = folder.resolve("smaller.gguf");
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve(model))) {
      GgufRemoval whole = GgufRemoval.whole(source);
      GgufRemoval smaller = GgufRemovalTest.removed(whole, expected.path("operation"));
      new GgufCopy(smaller).write(file, bytes -> {});
    }
    // Of codes it rounds the activations to 8 bits.
    double percent = model.endsWith("F32.gguf") ? 1e-3 : 2;
    assertThat(llama.perplexity(file, tokens(model)))
        .isCloseTo(expected.path("perplexity").doubleValue(), withinPercentage(percent));
  }

  @Test
  void aSplitModelIsLoaded() throws IOException {
    String model = "arch/mixtral-F32.gguf";
    List<Path> files;
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve(model))) {
      GgufParts parts = GgufParts.of(GgufRemoval.whole(source), 20_000);
      files = parts.files(folder.resolve("x.gguf"));
      for (int part = 0; part < files.size(); part++) {
        parts.copies().get(part).write(files.get(part), bytes -> {});
      }
    }
    assertThat(files).hasSizeGreaterThan(2);
    assertThat(llama.perplexity(files.getFirst(), tokens(model)))
        .isCloseTo(EXPECTED.path(model).path("perplexity").doubleValue(), withinPercentage(1e-3));
  }

  /** Each file that {@link GgufZerosTest} writes. */
  @ParameterizedTest
  @MethodSource("io.github.wandacuda.checkpoint.gguf.GgufZerosTest#files")
  void modelsWithZerosAreLoaded(String name) {
    JsonNode expected = GgufZerosTest.ZEROS.path(name);
    Path file = folder.resolve("zeros.gguf");
    GgufZerosTest.write(expected, file);
    String model = expected.path("from").textValue();
    assertThat(llama.perplexity(file, tokens(model)))
        .isCloseTo(expected.path("perplexity").doubleValue(), withinPercentage(2));
  }

  /** Gates and what they gate in one matrix, and codes in blocks of 256. */
  @ParameterizedTest
  @CsvSource({"arch/glm4-F32.gguf, 0.01", "arch/phi3-F32.gguf, 0.01", "wide-llama-Q4_K.gguf, 2"})
  void modelsWithFewerChannelsAreLoaded(String model, double percent) throws IOException {
    Path file = folder.resolve("smaller.gguf");
    try (GgufFiles source = GgufFiles.open(FOLDER.resolve(model))) {
      GgufKeys keys = new GgufKeys(source.path(), source.keys());
      int width = (int) keys.needed("feed_forward_length");
      SortedMap<Integer, List<Integer>> kept = new TreeMap<>();
      for (int block = 0; block < keys.blocks(); block++) {
        kept.put(block, IntStream.range(width / 2, width).boxed().toList());
      }
      new GgufCopy(GgufRemoval.whole(source).keepChannels(kept)).write(file, bytes -> {});
    }
    try (CpuDecoder decoder = CpuDecoder.open(file, 2)) {
      double ours = decoder.perplexity(TestData.tokens(tokens(model)));
      assertThat(ours).isCloseTo(llama.perplexity(file, tokens(model)), withinPercentage(percent));
    }
  }

  /** With 46 blocks, those of Gemma 2 27B, it scales scores by the embedding's width. */
  @Test
  void aGemmaOfOneSizeScalesOtherwise() throws IOException {
    String name = "arch/gemma2-adjusted-F32.gguf";
    int blocks = 46;
    EditedGguf model = EditedGguf.of(FOLDER.resolve(name)).key("gemma2.block_count", blocks);
    boolean[] windows = new boolean[blocks];
    for (int block = 0; block < blocks; block++) {
      windows[block] = block % 2 == 0;
    }
    model.key("gemma2.attention.sliding_window_pattern", GgufValue.of(windows));
    for (int block = 3; block < blocks; block++) {
      String from = "blk.%d.".formatted(block % 3);
      for (String tensor : model.names(from)) {
        model.copied(tensor, tensor.replace(from, "blk.%d.".formatted(block)));
      }
    }
    Path file = Files.write(folder.resolve("x.gguf"), model.bytes());
    try (CpuDecoder decoder = CpuDecoder.open(file, 2)) {
      double ours = decoder.perplexity(TestData.tokens(tokens(name)));
      assertThat(ours).isCloseTo(llama.perplexity(file, tokens(name)), withinPercentage(0.1));
    }
  }

  @Test
  void aFileWrittenAgainIsTakenAndOneWithABlockTooManyIsNot() throws IOException {
    String name = "arch/llama-gqa-F32.gguf";
    EditedGguf model = EditedGguf.of(FOLDER.resolve(name));
    Path file = Files.write(folder.resolve("x.gguf"), model.bytes());
    assertThat(Files.mismatch(file, FOLDER.resolve(name))).isEqualTo(-1);
    Files.write(file, model.key("llama.block_count", 3).bytes());
    Ended ended = llama.run(file, tokens(name));
    assertThat(ended.exitCode()).isNotZero();
    assertThat(ended.err()).contains("blk.2.attn_norm.weight");
  }

  /**
   * Names of tokenizers that cut where small letters become capitals, which llama.cpp knows of in
   * ASCII alone. Here pieces are those that the models were trained on.
   */
  private static final Set<String> BY_CASE =
      Set.of("gpt-4o", "kanana2", "kimi-k2", "llama4", "minimax-m2", "talkie", "tekken");

  private static final Pattern CASED = Pattern.compile("[\\p{Lu}\\p{Lt}\\p{M}&&[^A-Z]]");

  static List<String> preTokenizers() {
    return Tier.cases(Tier.picked(12, GgufTokenizerTest.names()), 3);
  }

  @ParameterizedTest
  @MethodSource("preTokenizers")
  void textsAreCutAtTheSamePlaces(String name) throws IOException {
    String texts =
        GgufTokenizerTest.TEXTS.stream()
            .filter(text -> !BY_CASE.contains(name) || !CASED.matcher(text).find())
            .collect(Collectors.joining("\n\n"));
    Path text = Files.writeString(folder.resolve("x.txt"), texts);
    Path file = Files.write(folder.resolve("x.gguf"), GgufTokenizerTest.neighbours(name).bytes());
    try (DjlTokenizer ours = DjlTokenizer.open(GgufTokenizer.open(file))) {
      assertThat(ours.encode(texts)).isEqualTo(llama.tokens(file, text));
    }
  }

  @Test
  void textsBecomeTheSameTokens() throws IOException {
    Path text = folder.resolve("x.txt");
    try (DjlTokenizer ours = DjlTokenizer.open(GgufTokenizer.open(GgufTokenizerTest.LLAMA))) {
      for (String each : GgufTokenizerTest.TEXTS) {
        Files.writeString(text, each);
        assertThat(ours.encode(each))
            .as(each)
            .isEqualTo(llama.tokens(GgufTokenizerTest.LLAMA, text));
      }
    }
  }
}
