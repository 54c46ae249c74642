package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Within;
import java.io.File;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A result that can't be written is not a result. */
class FullStdoutIT {
  private static final File FULL = new File("/dev/full");

  private static final String LORA = "testdata/golden/lora/llama";

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "--version",
        "prune --help",
        "devices",
        "devices --json",
        "inspect",
        "inspect --json",
        "prune",
        "prune --dry-run",
        "calibrate",
        "merge-lora",
        "pack",
        "unpack",
        "perplexity"
      })
  void aResultThatIsLostIsToldAndNoSuccess(String words) throws Exception {
    assumeTrue(FULL.exists(), "skipped: the system has no full device");
    if (words.equals("unpack")) {
      Cli.Result pack = Cli.run("pack", "--model", TestData.TINY_LLAMA, "--output", packed());
      assertThat(pack.exitCode()).as(pack.err()).isZero();
    }
    Object[] arguments =
        Stream.concat(Stream.of(words.split(" ")), options(words)).toArray(Object[]::new);
    File errors = directory.resolve("errors").toFile();
    int exitCode =
        Within.exitCode(Cli.command(arguments).redirectOutput(FULL).redirectError(errors).start());
    String line = "stdout: the result can't be written: No space left on device";
    String start = words.endsWith("--json") ? "{\"error\":\"" : "wanda-cuda: ";
    assertThat(errors).content().containsOnlyOnce(line).contains(start + line);
    assertThat(exitCode).isEqualTo(6);
  }

  private Path packed() {
    return directory.resolve("packed");
  }

  private Stream<Object> options(String words) {
    Stream<Object> model = Stream.of("--model", TestData.TINY_LLAMA);
    Path tokens = TestData.GOLDEN.resolve("evaluation.json");
    return switch (words) {
      case "prune", "prune --dry-run" ->
          Stream.concat(
              model, Stream.of("--output", directory.resolve("out"), "--method", "magnitude"));
      case "inspect", "inspect --json" -> model;
      case "pack" -> Stream.concat(model, Stream.of("--output", directory.resolve("out")));
      case "unpack" -> Stream.of("--model", packed(), "--output", directory.resolve("out"));
      case "calibrate" ->
          Stream.concat(
              model, Stream.of("--output", directory.resolve("norms"), "--calibration", tokens));
      case "merge-lora" ->
          Stream.of(
              "--model",
              LORA + "/model",
              "--adapter",
              LORA + "/adapter",
              "--output",
              directory.resolve("out"));
      case "perplexity" -> Stream.concat(model, Stream.of("--tokens", tokens));
      default -> Stream.empty();
    };
  }
}
