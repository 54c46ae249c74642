package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A run says what it took in a line; why others weren't is told on demand. */
class BackendLineTest {
  private static String said(String... more) {
    List<Object> words = new ArrayList<>(List.of("perplexity", "--tokens"));
    words.add(TestData.fixture("llama-gqa").resolve("tokens.json"));
    words.addAll(List.of("--model", TestData.fixture("llama-gqa").resolve("model")));
    words.addAll(List.of(more));
    return InProcess.run(words.toArray()).err();
  }

  @Test
  void whatWasPassedOverIsToldOnDemand() {
    assertThat(said()).contains("the first that is usable").doesNotContain("passed over");
    assertThat(said("--verbose")).containsAnyOf("passed over", "the first usable backend");
  }
}
