package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FullDiskIT {
  @TempDir Path directory;

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
