package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.ProcessOutcome;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole calibrated run, tokenizer and all, asks nobody outside. */
@Thorough
class NoNetworkIT {
  private static final long SECONDS = 240;

  @TempDir Path directory;

  private static boolean works(String... command) {
    try {
      return ProcessOutcome.of(List.of(command), 20).exitCode() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private ProcessOutcome prune(List<String> before) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.addAll(
        Cli.command(
                "prune",
                "--model",
                TestData.TINY_LLAMA,
                "--output",
                directory.resolve("out"),
                "--calibration",
                "testdata/text/calibration.txt",
                "--samples",
                "2",
                "--sequence-length",
                "64",
                "--backend",
                "cpu",
                "--quiet")
            .command());
    // A home that no run has seen, so that the tokenizer's library has to come from somewhere.
    command.add(before.size() + 1, "-Duser.home=" + directory);
    return ProcessOutcome.of(command, SECONDS);
  }

  @Test
  void needsNone() throws IOException {
    List<String> unshare = List.of("unshare", "--net", "--map-root-user");
    assumeTrue(
        works("unshare", "--net", "--map-root-user", "true"),
        "skipped: no network namespaces for this user");
    ProcessOutcome outcome = prune(unshare);
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
    assertThat(directory.resolve("out/config.json")).exists();
  }

  @Test
  void looksForNone() throws IOException {
    Path log = directory.resolve("calls");
    List<String> strace =
        List.of("strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", log.toString());
    assumeTrue(works("strace", "-qq", "-o", "/dev/null", "true"), "skipped: no strace here");
    ProcessOutcome outcome = prune(strace);
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
    assertThat(Files.readAllLines(log)).noneMatch(line -> line.contains("AF_INET"));
  }
}
