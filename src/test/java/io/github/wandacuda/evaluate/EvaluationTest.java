package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.text.DjlTokenizer;
import io.github.wandacuda.text.TokenizerFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Requests as token ids: those that a tokenizer and a split in Python came to. */
class EvaluationTest {
  private static final Path DATA = Path.of("testdata/tasks");

  @TempDir Path directory;

  private static List<TokenRequest> tokens(Path model, Path file, boolean bos) {
    try (ModelDirectory directory = ModelDirectory.open(model);
        DjlTokenizer tokenizer = DjlTokenizer.open(TokenizerFile.in(TestData.TINY_LLAMA))) {
      return Evaluation.of(
              Tasks.read(List.of(file.toString()), null, Long.MAX_VALUE), directory, tokenizer, bos)
          .requests();
    }
  }

  /**
   * White space at the border goes to the continuation, an empty context is BOS, or EOS where there
   * is none, and what is too long is cut from the left.
   */
  @ParameterizedTest
  @CsvSource({"bos, true", "no_bos, false"})
  void requestsAreEqualTokenByToken(String key, boolean bos) {
    List<TokenRequest> requests = tokens(TestData.TINY_LLAMA, DATA.resolve("generic.jsonl"), bos);
    int at = 0;
    for (JsonNode document : TestData.json(DATA.resolve("generic.expected.json")).get(key)) {
      for (JsonNode request : document) {
        assertThat(requests.get(at).input()).containsExactly(ids(request.get("input")));
        assertThat(requests.get(at).targets()).containsExactly(ids(request.get("targets")));
        at++;
      }
    }
    assertThat(requests).hasSize(at);
  }

  private static int[] ids(JsonNode list) {
    int[] ids = new int[list.size()];
    Arrays.setAll(ids, at -> list.get(at).intValue());
    return ids;
  }

  private Path task(String continuation, String context) throws IOException {
    Path file = directory.resolve("task.jsonl");
    Files.writeString(
        file,
        "{\"context\":\"%s\",\"continuations\":[\"%s\",\" b\"],\"gold\":1}"
            .formatted(context, continuation));
    return file;
  }

  @Test
  void aContinuationBeyondThePositionsIsRefused() throws IOException {
    Path file = task(" a".repeat(600), "a");
    assertThatThrownBy(() -> tokens(TestData.TINY_LLAMA, file, true))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(
            file
                + ": line 1: expected a continuation of 1 to 512 tokens, the positions that the"
                + " model has, found 600");
  }

  /** A model may have BOS in {@code tokenizer_config.json}, in {@code config.json} or nowhere. */
  @Test
  void anEmptyContextIsTheTokenThatTheModelNames() throws IOException {
    Path file = task(" a", "");
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    Path tokenizer = model.resolve("tokenizer_config.json");
    Path config = model.resolve("config.json");
    String original = Files.readString(config);

    Files.writeString(tokenizer, "{\"bos_token\": null, \"eos_token\": {\"content\": \"</s>\"}}");
    // The tokenizer adds <s> by itself, so that the continuation begins with it.
    assertThat(tokens(model, file, true).getFirst().input()).startsWith(2, 1);
    assertThat(tokens(model, file, false).getFirst().input()).startsWith(2);

    Files.delete(tokenizer);
    assertThat(tokens(model, file, true).getFirst().input()).startsWith(1);
    assertThat(tokens(model, file, false).getFirst().input()).startsWith(2);

    Files.writeString(config, original.replace("_token_id", "_no_id"));
    assertThatThrownBy(() -> tokens(model, file, true))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("expected a context, since the model has neither BOS nor EOS");
  }
}
