package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code generate-completion} prints completes commands and options in a shell. */
class CompletionTest {
  private static final String BASH = "/bin/bash";

  @TempDir static Path directory;

  private static Path script;

  @BeforeAll
  static void writeScript() throws IOException {
    assumeTrue(Files.isExecutable(Path.of(BASH)), "no bash");
    Ended result = InProcess.run("generate-completion").succeeds();
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
    Ended bash = Command.of(BASH, "--norc", "-c", program).run().succeeds();
    return bash.said().lines().map(String::strip).filter(word -> !word.isEmpty()).toList();
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

  @ParameterizedTest
  @CsvSource({
    "prune, --method, wanda magnitude ria wanda-variant sparsegpt masks",
    "verify, --method, wanda magnitude ria wanda-variant sparsegpt masks",
    "compare, --methods, wanda magnitude ria wanda-variant sparsegpt experts blocks channels heads auto",
    "prune, --allocation, uniform atp dlp owl",
    "prune, --backend, auto cuda opencl cpu",
    "generate, --backend, auto cuda opencl cpu",
    "prune, --cluster, local spark",
    "prune, --combine-masks, intersection union",
    "prune, --device, 0 all",
    "prune, --io, auto direct buffered",
    "prune, --precision, fast high",
    "devices, --precision, fast high",
    "prune, --refine, swaps",
    "prune, --scope, row matrix",
    "prune, --score, reap frequency ean weighted mean-square drop loss influence angular greedy wanda flap"
        + " magnitude",
    "prune, --structure, experts blocks channels heads auto",
    "prune, --unreached, magnitude keep fail",
    "prune, --update, reconstruct alps realign tune none",
    "evaluate, --tasks, boolq rte hellaswag winogrande arc_easy arc_challenge openbookqa piqa mmlu"
  })
  void valuesOfAnOptionAreOffered(String command, String option, String words) throws Exception {
    assertThat(offers("wanda-cuda", command, option, ""))
        .containsExactlyInAnyOrder(words.split(" "));
  }

  /** Every option whose value is one of a few words offers them, each as it is typed. */
  @Test
  void whatIsOfferedIsTakenInSmallLetters() throws IOException {
    assertThat(Files.readString(script).lines().filter(line -> line.contains("_option_args=(")))
        .hasSizeGreaterThan(20)
        .map(line -> line.substring(line.indexOf('(')))
        .allMatch(words -> words.equals(words.toLowerCase(Locale.ROOT)));
  }
}
