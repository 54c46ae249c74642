package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
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
    "24, inspect", "24, perplexity", "32, calibrate",
    "32, prune", "64, prune", "48, verify",
    "64, verify"
  })
  void theLimitIsNamedAndNoFileIsBlamed(int limit, String command) {
    assumeTrue(File.separatorChar == '/', "skipped: the system has no such limit");
    Path output = directory.resolve("out-" + limit + command);
    Command.jar(words(command, output))
        .under("sh", "-c", "ulimit -n %d && exec \"$@\"".formatted(limit), "sh")
        .run()
        .isRefused(6, "the system's limit on open files was reached", "ulimit -n");
    assertThat(output.resolve("wanda-cuda.json")).doesNotExist();
  }

  private static List<Object> words(String command, Path output) {
    return switch (command) {
      case "prune" -> Words.of("prune --model %s --output %s --method magnitude", model, output);
      case "calibrate" ->
          Words.of("calibrate --model %s --output %s --calibration %s", model, output, samples);
      case "perplexity" -> Words.of("perplexity --model %s --tokens %s", model, samples);
      case "verify" -> Words.of("verify --dense %s --pruned %s --sparsity 0.5", model, model);
      default -> Words.of("%s --model %s", command, model);
    };
  }
}
