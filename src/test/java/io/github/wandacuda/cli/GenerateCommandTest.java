package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.job.estimate.GenerateNeeds;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateCommandTest {
  private static final String PROMPT = "The Nile is a";

  @TempDir static Path models;
  private static Path pruned;
  private static Path packed;

  @TempDir Path directory;

  @BeforeAll
  static void packAPrunedModel() {
    pruned = InProcess.pruned(TestData.TINY_LLAMA, models.resolve("pruned"));
    packed = InProcess.packed(pruned, models.resolve("packed"));
  }

  private static Ended generate(Object... options) {
    return InProcess.line("generate --backend cpu", options);
  }

  private static Ended tiny(Object... options) {
    return generate("--model", TestData.TINY_LLAMA, options);
  }

  @Test
  void theTextIsStreamedAndTheRateIsOnStderr() throws IOException {
    Ended text = tiny("--prompt", PROMPT, "--tokens", 12);
    JsonNode object = tiny("--prompt", PROMPT, "--tokens", 12, "--json").succeeds().json();
    assertThat(text.out()).isEqualTo(object.get("text").asText() + System.lineSeparator());
    assertThat(text.err()).contains("12 tokens after 6: prompt ", " tokens a second");
    assertThat(object.get("prompt_tokens").intValue()).isEqualTo(6);
    assertThat(object.get("tokens")).hasSize(12);
    assertThat(object.get("seconds").fieldNames())
        .toIterable()
        .containsExactly("total", "load", "prompt", "decode", "other");
    assertThat(object.get("tokens_per_second").doubleValue()).isPositive();
    assertThat(object.get("text").asText()).startsWith(" ");
  }

  /** At 50 % zeros a packed weight is read in 0.5625 of the bytes, if at all packed. */
  @Test
  @Thorough
  void aPackedModelGivesTheSameTokens() {
    List<Object> options = Words.of("--prompt %s --tokens 12 --json --model %s", PROMPT, pruned);
    JsonNode dense = generate(options).succeeds().json();
    options.set(6, packed);
    Ended result = generate(options).succeeds();
    JsonNode sparse = result.json();
    assertThat(sparse.get("tokens")).isEqualTo(dense.get("tokens"));
    long denseBytes = dense.get("bytes_per_token").longValue();
    long sparseBytes = sparse.get("bytes_per_token").longValue();
    if (result.err().contains("packed weights are kept packed: ")) {
      assertThat(sparseBytes).isLessThan(denseBytes * 3 / 4);
    } else {
      assertThat(sparseBytes).isEqualTo(denseBytes);
      assertThat(result.err().contains("packed weights are unpacked: "))
          .isEqualTo(SparseMatrix.isFasterThanDense(DType.BF16));
    }
  }

  @Test
  void aSeedRepeats() throws IOException {
    Path ids = Files.writeString(directory.resolve("ids.json"), "[1, 2, 3]");
    List<Object> options =
        Words.of(
            "--model %s --prompt-tokens %s --tokens 8 --temperature 1 --json --seed",
            TestData.fixture("llama-gqa").resolve("model"), ids);
    JsonNode once = generate(options, 5).succeeds().json().get("tokens");
    assertThat(generate(options, 5).succeeds().json().get("tokens")).isEqualTo(once);
    assertThat(generate(options, 6).succeeds().json().get("tokens")).isNotEqualTo(once);
  }

  /** The model has 512 positions. */
  @Test
  @Thorough
  void tokensBeyondThePositionsAreLeftOut() throws IOException {
    Path ids = Files.writeString(directory.resolve("ids.json"), "[" + "5, ".repeat(509) + "5]");
    Ended result = tiny("--prompt-tokens", ids, "--tokens", 9, "--json");
    assertThat(result.succeeds().json().get("tokens").size()).isLessThanOrEqualTo(2);
    assertThat(result.err())
        .contains("WARN --tokens 9: 2 fit after 510 of the prompt, into the 512 positions");
    tiny("--prompt", "river ".repeat(600)).isRefused(3, "expected fewer tokens than the 512");
  }

  @Test
  void withoutATokenizerIdsAreWritten() throws IOException {
    Path ids = Files.writeString(directory.resolve("ids.json"), "[[1, 2, 3]]");
    Path model = TestData.fixture("mixtral").resolve("model");
    Ended result = generate("--model", model, "--prompt-tokens", ids, "--tokens", 20).succeeds();
    // Then comes the end token, 2, of the model's config.
    assertThat(result.out().strip()).isEqualTo("23 5 77 3 88");
  }

  private static long bytes(Path path, boolean stayPacked, long tokens) {
    try (ModelDirectory model = ModelDirectory.open(path)) {
      return GenerateNeeds.bytes(model, dtype -> stayPacked, tokens);
    }
  }

  /** What packing saves in the modules of a packed model. */
  private static long saved() {
    try (ModelDirectory model = ModelDirectory.open(packed)) {
      return model
          .checkpoint()
          .tensors()
          .flatMap(entry -> PackedModule.of(entry).stream())
          .mapToLong(module -> module.weight().bytes() - module.bytes())
          .sum();
    }
  }

  @Test
  void packedWeightsTakeTheirPackedBytesWhereTheyStayPacked() {
    assertThat(saved()).isPositive();
    assertThat(bytes(packed, true, 10)).isEqualTo(bytes(pruned, true, 10) - saved());
  }

  @Test
  void unpackedWeightsTakeTheBytesOfTheDenseModel() {
    assertThat(bytes(packed, false, 10)).isEqualTo(bytes(pruned, false, 10));
  }

  @Test
  void theCacheGrowsWithTheTokens() {
    long ten = bytes(packed, true, 10) - bytes(packed, true, 0);
    assertThat(ten).isPositive();
    assertThat(bytes(packed, true, 20) - bytes(packed, true, 10)).isEqualTo(ten);
  }
}
