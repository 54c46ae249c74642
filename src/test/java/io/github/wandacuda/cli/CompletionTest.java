package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code generate-completion} prints completes commands and options in a shell. */
class CompletionTest {
  private static final String BASH = "/bin/bash";

  @TempDir static Path directory;

  private static Path script;

  @BeforeAll
  static void writeScript() throws IOException {
    assumeTrue(Files.isExecutable(Path.of(BASH)), "no bash");
    Cli.Result result = InProcess.run("generate-completion");
    assertThat(result.exitCode()).isZero();
    assertThat(result.err()).isEmpty();
    script = Files.writeString(directory.resolve("completion"), result.out());
  }

  /** Returns what bash offers for the last of the words. */
  private static List<String> offers(String... words) throws IOException, InterruptedException {
    String line = "COMP_WORDS=(%s); COMP_CWORD=%d; ".formatted(quoted(words), words.length - 1);
    // Bash knows compopt only while it completes.
    String program =
        "source '%s'; compopt() { :; }; %s ".formatted(script, line)
            + "_complete_wanda-cuda; printf '%s\\n' \"${COMPREPLY[@]}\"";
    Process bash =
        new ProcessBuilder(BASH, "--norc", "-c", program).redirectErrorStream(true).start();
    String printed = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(bash.waitFor()).as(printed).isZero();
    return printed.lines().map(String::strip).filter(word -> !word.isEmpty()).toList();
  }

  private static String quoted(String... words) {
    return "'" + String.join("' '", words) + "'";
  }

  @Test
  void commandsAreOffered() throws Exception {
    assertThat(offers("wanda-cuda", "p")).containsExactlyInAnyOrder("prune", "perplexity", "pack");
  }

  @Test
  void optionsOfACommandAreOffered() throws Exception {
    assertThat(offers("wanda-cuda", "prune", "--sp")).containsExactly("--sparsity");
    assertThat(offers("wanda-cuda", "devices", "--sp")).isEmpty();
  }
}
