package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GenerateCommandTest {
  private static final String PROMPT = "The Nile is a";

  @TempDir Path directory;

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
  void aPackedModelGivesTheSameTokens() throws IOException {
    Path pruned = directory.resolve("pruned");
    Path packed = directory.resolve("packed");
    InProcess.line(
            "prune --method magnitude --backend cpu --quiet --model %s --output %s",
            TestData.TINY_LLAMA, pruned)
        .succeeds();
    InProcess.line("pack --quiet --model %s --output %s", pruned, packed).succeeds();
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
    List<Object> options =
        Words.of("--prompt %s --tokens 8 --temperature 1 --seed 5 --json", PROMPT);
    JsonNode once = tiny(options).succeeds().json().get("tokens");
    assertThat(tiny(options).succeeds().json().get("tokens")).isEqualTo(once);
    options.set(7, 6);
    assertThat(tiny(options).succeeds().json().get("tokens")).isNotEqualTo(once);
  }

  /** The model has 512 positions. */
  @Test
  void tokensBeyondThePositionsAreLeftOut() throws IOException {
    Path ids = Files.writeString(directory.resolve("ids.json"), "[" + "5, ".repeat(509) + "5]");
    Ended result = tiny("--prompt-tokens", ids, "--tokens", 9, "--json");
    assertThat(result.succeeds().json().get("tokens").size()).isLessThanOrEqualTo(2);
    assertThat(result.err())
        .contains("WARN --tokens 9: 2 fit after 510 of the prompt, into the 512 positions");
  }

  @Test
  void aPromptBeyondThePositionsIsRefused() throws IOException {
    Path ids = Files.writeString(directory.resolve("ids.json"), "[" + "5, ".repeat(511) + "5]");
    refused(
        3,
        tiny("--prompt-tokens", ids),
        "ids.json: expected fewer tokens than the 512 positions that the model has, found 512");
    refused(3, tiny("--prompt", "river ".repeat(600)), "expected fewer tokens than the 512");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[] | expected one list of token ids, found 0 lists",
        "[[]] | expected one token or more, found none",
        "[[1], [2]] | expected one list of token ids, found 2 lists",
        "[1, -2] | expected token ids from 0",
        "[1, [2]] | expected token ids from 0",
        "[1, 99999] | token id 99999 is outside",
        "{} | expected a list of lists"
      })
  void otherIdsAreRefused(String content, String message) throws IOException {
    Path ids = Files.writeString(directory.resolve("ids.json"), content);
    refused(3, tiny("--prompt-tokens", ids), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--seed 1 | generate needs --prompt TEXT or --prompt-tokens FILE",
        "--prompt a --prompt-tokens b | --prompt and --prompt-tokens exclude each other",
        "--prompt a --tokens 0 | --tokens: expected 1 or more, found 0",
        "--prompt a --temperature -1 | --temperature: expected 0 or more, found -1.0",
        "--prompt a --temperature NaN | --temperature: expected 0 or more",
        "--prompt a --top-p 0 | --top-p: expected more than 0 and at most 1, found 0.0",
        "--prompt a --top-p 1.5 | --top-p: expected more than 0 and at most 1, found 1.5"
      })
  void wrongUsage(String options, String message) {
    refused(2, tiny((Object[]) options.split(" ")), message);
  }

  private static void refused(int exitCode, Ended result, String message) {
    assertThat(result.exitCode()).as(result.err()).isEqualTo(exitCode);
    assertThat(result.errorLines()).singleElement().asString().contains(message);
  }

  @Test
  void withoutATokenizerIdsAreWritten() throws IOException {
    Path ids = Files.writeString(directory.resolve("ids.json"), "[[1, 2, 3]]");
    Path model = TestData.fixture("mixtral").resolve("model");
    Ended result = generate("--model", model, "--prompt-tokens", ids, "--tokens", 20).succeeds();
    // Then comes the end token, 2, of the model's config.
    assertThat(result.out().strip()).isEqualTo("23 5 77 3 88");
  }
}
