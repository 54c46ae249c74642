package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole calibrated run, tokenizer and all, asks nobody outside. */
@Thorough
class NoNetworkIT {
  private static final long SECONDS = 240;

  @TempDir Path directory;

  private void prune(List<String> before) {
    // A home that no run has seen, so that the tokenizer's library has to come from somewhere.
    Command.jar(
            Words.of(
                "prune --model %s --output %s --calibration testdata/text/calibration.txt "
                    + "--samples 2 --sequence-length 64 --backend cpu --quiet",
                TestData.TINY_LLAMA, directory.resolve("out")))
        .withOptions("-Duser.home=" + directory)
        .under(before)
        .within(SECONDS)
        .run()
        .succeeds();
  }

  @Test
  void needsNone() throws IOException {
    List<String> unshare = List.of("unshare", "--net", "--map-root-user");
    assumeTrue(
        Command.of(unshare, "true").succeeds(), "skipped: no network namespaces for this user");
    prune(unshare);
    assertThat(directory.resolve("out/config.json")).exists();
  }

  @Test
  void looksForNone() throws IOException {
    Path log = directory.resolve("calls");
    List<String> strace =
        List.of("strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", log.toString());
    assumeTrue(
        Command.of("strace", "-qq", "-o", "/dev/null", "true").succeeds(),
        "skipped: no strace here");
    prune(strace);
    assertThat(Files.readAllLines(log)).noneMatch(line -> line.contains("AF_INET"));
  }
}
