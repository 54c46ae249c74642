package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.OutputStream;
import org.junit.jupiter.api.Test;

/** Whoever reads a pipe may stop when they have read enough, as {@code head} does. */
class ReaderGoneTest {
  private static OutputStream failing(String why) {
    return new OutputStream() {
      @Override
      public void write(int value) throws IOException {
        throw new IOException(why);
      }
    };
  }

  @Test
  void aClosedPipeIsNoFailure() {
    Ended script = InProcess.to(failing("Broken pipe"), "generate-completion");
    assertThat(script.exitCode()).isZero();
    assertThat(script.err()).isEmpty();
    Ended facts = InProcess.to(failing("Broken pipe"), "inspect", "--model", TestData.TINY_LLAMA);
    assertThat(facts.exitCode()).isZero();
    assertThat(facts.err()).isEmpty();
  }

  @Test
  void anyOtherFailureIsOne() {
    Ended script = InProcess.to(failing("No space left on device"), "generate-completion");
    assertThat(script.exitCode()).isEqualTo(6);
    assertThat(script.err()).contains("No space left on device");
  }
}
