package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import org.junit.jupiter.api.Test;

/** A run says what it took in a line; why others weren't is told on demand. */
class BackendLineTest {
  private static String said(String... more) {
    return InProcess.line(
            "perplexity --tokens %s --model %s",
            TestData.fixture("llama-gqa").resolve("tokens.json"),
            TestData.fixture("llama-gqa").resolve("model"),
            more)
        .err();
  }

  @Test
  void whatWasPassedOverIsToldOnDemand() {
    assertThat(said()).contains("the first that is usable").doesNotContain("passed over");
    assertThat(said("--verbose")).containsAnyOf("passed over", "the first usable backend");
  }
}
