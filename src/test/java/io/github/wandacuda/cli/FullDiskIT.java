package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Within;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FullDiskIT {
  @TempDir Path directory;

  private static boolean succeeds(String... command) throws IOException, InterruptedException {
    return Within.exitCode(new ProcessBuilder(command).start()) == 0;
  }

  @Test
  void aFullDiskEndsTheRunAndLeavesNothing() throws Exception {
    String place = directory.toString();
    assumeTrue(
        succeeds("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place),
        "skipped: mounting a small tmpfs needs root's rights");
    try {
      Path output = directory.resolve("out");
      Cli.Result result =
          Cli.run(
              "prune",
              "--model",
              TestData.TINY_LLAMA,
              "--output",
              output,
              "--quiet",
              "--statistics",
              TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"));
      assertThat(result.exitCode()).as(result.err()).isEqualTo(6);
      assertThat(result.errorLines()).singleElement().asString().contains(output.toString());
      assertThat(output).doesNotExist();
    } finally {
      succeeds("umount", place);
    }
  }
}
