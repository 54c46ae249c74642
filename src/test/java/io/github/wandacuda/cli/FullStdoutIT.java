package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A result that can't be written is not a result, and a full disk is left as it was. */
class FullStdoutIT {
  private static final Path FULL = Path.of("/dev/full");

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
        "pack",
        "unpack",
        "perplexity"
      })
  @FirstCases(4)
  void aResultThatIsLostIsToldAndNoSuccess(String words) throws Exception {
    assumeTrue(Files.exists(FULL), "skipped: the system has no full device");
    if (words.equals("unpack")) {
      InProcess.line("pack --model %s --output %s", TestData.TINY_LLAMA, packed()).succeeds();
    }
    Ended ended;
    // As a process those alone that the program's own start may answer.
    if (words.startsWith("-")) {
      try (Started run = Command.jar(words.split(" ")).start(FULL)) {
        ended = run.end();
      }
    } else {
      try (OutputStream full = Files.newOutputStream(FULL)) {
        ended = InProcess.to(full, words.split(" "), options(words));
      }
    }
    String line = "stdout: the result can't be written: No space left on device";
    String start = words.endsWith("--json") ? "{\"error\":\"" : "wanda-cuda: ";
    assertThat(ended.err()).containsOnlyOnce(line).contains(start + line);
    assertThat(ended.exitCode()).isEqualTo(6);
  }

  private Path packed() {
    return directory.resolve("packed");
  }

  private List<Object> options(String words) {
    Path model = TestData.TINY_LLAMA;
    Path tokens = TestData.GOLDEN.resolve("evaluation.json");
    Path out = directory.resolve("out");
    return switch (words) {
      case "prune", "prune --dry-run" ->
          Words.of("--model %s --output %s --method magnitude", model, out);
      case "inspect", "inspect --json" -> Words.of("--model %s", model);
      case "pack" -> Words.of("--model %s --output %s", model, out);
      case "unpack" -> Words.of("--model %s --output %s", packed(), out);
      case "calibrate" -> Words.of("--model %s --output %s --calibration %s", model, out, tokens);
      case "perplexity" -> Words.of("--model %s --tokens %s", model, tokens);
      default -> List.of();
    };
  }

  @Test
  void aFullDiskEndsTheRunAndLeavesNothing() throws Exception {
    String place = directory.toString();
    assumeTrue(
        Command.of("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place).succeeds(),
        "skipped: mounting a small tmpfs needs root's rights");
    try {
      Path output = directory.resolve("out");
      Ended result =
          Cli.line(
                  "prune --model %s --output %s --quiet --statistics %s",
                  TestData.TINY_LLAMA,
                  output,
                  TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"))
              .isRefused(6, output.toString());
      assertThat(result.errorLines()).hasSize(1);
      assertThat(output).doesNotExist();
    } finally {
      Command.of("umount", place).run();
    }
  }
}
