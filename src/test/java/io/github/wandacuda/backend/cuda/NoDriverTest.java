package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.cli.Main;
import io.github.wandacuda.system.SharedLibrary;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In processes of their own, as a user starts them. */
class NoDriverTest {
  private static final String REASON = "no NVIDIA driver: libcuda.so.1 was not found";

  @TempDir Path directory;

  @BeforeEach
  void thereIsNoDriver() {
    assumeTrue(
        SharedLibrary.find(CudaLibrary.DRIVER).isEmpty(), "skipped: this machine has a driver");
    assumeTrue(CudaLibrary.DRIVER.equals("libcuda.so.1"), "skipped: the name is Linux's");
  }

  @Test
  void devicesListsOneAndSaysWhyItIsNone() throws Exception {
    assertThat(run("devices").succeeds().out())
        .containsPattern("(?m)^cuda +0 +no +NVIDIA GPU +" + Pattern.quote(REASON) + "$")
        .containsPattern("(?m)^cpu +0 +yes ");
  }

  @Test
  void askingForItIsOneLineAndAnExitCode() throws Exception {
    Ended ended =
        run(
            Words.of(
                "prune --backend cuda --method magnitude --model %s --output %s",
                TestData.TINY_LLAMA, directory.resolve("pruned")));
    assertThat(ended.exitCode()).isEqualTo(4);
    assertThat(ended.err().lines().filter(line -> !line.startsWith("WARNING: ")))
        .containsExactly("wanda-cuda: cuda device 0 (NVIDIA GPU) can't be used: " + REASON);
  }

  private static Ended run(Object... arguments) {
    List<String> options =
        List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED");
    return Command.main(options, Main.class, arguments).run();
  }
}
