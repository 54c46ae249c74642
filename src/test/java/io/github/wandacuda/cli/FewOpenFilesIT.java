package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Thorough;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The system lets a process open few files, of which a model of many shards needs more. */
@Thorough
class FewOpenFilesIT {
  @TempDir static Path directory;

  private static Path model;
  private static Path samples;

  @BeforeAll
  static void write() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(60, 32, 32, 40);
    model = llama.write(directory.resolve("model"));
    samples = llama.writeSamples(directory.resolve("samples.json"), 1, 8);
  }

  /** With 64 the model can be opened, but not its output beside it. */
  @ParameterizedTest
  @CsvSource({
    "24, inspect",
    "24, perplexity",
    "32, calibrate",
    "32, prune",
    "64, prune",
    "48, verify",
    "64, verify"
  })
  void theLimitIsNamedAndNoFileIsBlamed(int limit, String command) {
    assumeTrue(File.separatorChar == '/', "skipped: the system has no such limit");
    Path output = directory.resolve("out-" + limit + command);
    List<String> words = new ArrayList<>(List.of("sh", "-c"));
    words.add("ulimit -n %d && exec \"$@\"".formatted(limit));
    words.add("sh");
    words.addAll(Cli.command(words(command, output)).command());
    Cli.Result result = Cli.run(new ProcessBuilder(words));
    assertThat(result.exitCode()).as(result.err()).isEqualTo(6);
    assertThat(result.errorLines())
        .filteredOn(line -> line.startsWith("wanda-cuda: "))
        .singleElement()
        .asString()
        .contains("the system's limit on open files was reached", "ulimit -n");
    assertThat(output.resolve("wanda-cuda.json")).doesNotExist();
  }

  private static Object[] words(String command, Path output) {
    return switch (command) {
      case "prune" ->
          new Object[] {"prune", "--model", model, "--output", output, "--method", "magnitude"};
      case "calibrate" ->
          new Object[] {
            "calibrate", "--model", model, "--output", output, "--calibration", samples
          };
      case "perplexity" -> new Object[] {"perplexity", "--model", model, "--tokens", samples};
      case "verify" ->
          new Object[] {"verify", "--dense", model, "--pruned", model, "--sparsity", "0.5"};
      default -> new Object[] {command, "--model", model};
    };
  }
}
