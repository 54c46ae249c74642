package io.github.wandacuda.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ErrorDetailsTest {
  private static final ErrorDetails SHARD = ErrorDetails.file(Path.of("m", "a.safetensors"));

  @Test
  void theLineNamesWhatIsKnown() {
    assertThat(SHARD.expected("weights", "none").line())
        .isEqualTo("m/a.safetensors: expected weights, found none");
    assertThat(SHARD.tensor("q").part("row 3").expected("0", "1").hint("copy it again").line())
        .isEqualTo("m/a.safetensors: tensor q: row 3: expected 0, found 1; copy it again");
    assertThat(ErrorDetails.of("--seed").expected("a number", "'x'").line())
        .isEqualTo("--seed: expected a number, found 'x'");
    assertThat(ErrorDetails.NOWHERE.said("it broke").line()).isEqualTo("it broke");
    assertThat(SHARD.said("not a tokenizer").line()).isEqualTo("m/a.safetensors: not a tokenizer");
  }

  @Test
  void whatAFileSaysStaysOnTheLine() {
    InputException e =
        new InputException(SHARD.tensor("a\nb").expected("x", "\u001b[2J").hint("y\u202e"));
    assertThat(e)
        .hasMessage("m/a.safetensors: tensor a\\u000ab: expected x, found \\u001b[2J; y\\u202e");
    assertThat(e.details().tensor()).isEqualTo("a\nb");
  }

  @Test
  void aSentenceAloneIsWhatItWas() {
    UsageException e = new UsageException("prune needs --output DIR");
    assertThat(e).hasMessage("prune needs --output DIR");
    assertThat(e.details()).isEqualTo(ErrorDetails.NOWHERE.said("prune needs --output DIR"));
  }
}
