package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.backend.gpu.SharedLibrary;
import io.github.wandacuda.cli.Main;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
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
    Path out = directory.resolve("out");
    assertThat(run(out, directory.resolve("err"), "devices")).isZero();
    assertThat(Files.readString(out))
        .containsPattern("(?m)^cuda +0 +no +NVIDIA GPU +" + Pattern.quote(REASON) + "$")
        .containsPattern("(?m)^cpu +0 +yes ");
  }

  @Test
  void askingForItIsOneLineAndAnExitCode() throws Exception {
    Path err = directory.resolve("err");
    int exitCode =
        run(
            directory.resolve("out"),
            err,
            "prune",
            "--backend",
            "cuda",
            "--method",
            "magnitude",
            "--model",
            TestData.TINY_LLAMA.toString(),
            "--output",
            directory.resolve("pruned").toString());
    assertThat(exitCode).isEqualTo(4);
    assertThat(Files.readString(err).lines().filter(line -> !line.startsWith("WARNING: ")))
        .containsExactly("wanda-cuda: cuda device 0 (NVIDIA GPU) can't be used: " + REASON);
  }

  private static int run(Path out, Path err, String... arguments)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).as(() -> read(err)).isTrue();
    return process.exitValue();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      return e.toString();
    }
  }
}
