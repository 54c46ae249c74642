package io.github.wandacuda.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.cli.Cli;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CancellationIT {
  private static final long SECONDS = 60;

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void aRunThatIsToldToEndSaysHowToGoOn(String signal, int exitCode)
      throws IOException, InterruptedException {
    Path output = directory.resolve("out");
    Path errors = directory.resolve("errors");
    Process run =
        Cli.command(
                "prune",
                "--model",
                TestData.TINY_LLAMA,
                "--output",
                output,
                "--calibration",
                "testdata/text/calibration.txt",
                "--samples",
                100,
                "--sequence-length",
                256,
                "--checkpoint-every",
                0,
                "--backend",
                "cpu",
                "--threads",
                1)
            .redirectOutput(directory.resolve("results").toFile())
            .redirectError(errors.toFile())
            .start();
    waitFor(run, output.resolve(".wanda-cuda.states-1"));
    long told = System.nanoTime();
    new ProcessBuilder("kill", "-" + signal, Long.toString(run.pid())).start().waitFor();
    assertThat(run.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(run.exitValue()).isEqualTo(exitCode);
    assertThat(System.nanoTime() - told).isLessThan(TimeUnit.SECONDS.toNanos(5));
    assertThat(output.resolve("config.json")).doesNotExist();
    assertThat(output.resolve(".wanda-cuda.journal")).exists();
    assertThat(Files.readString(errors)).contains("wanda-cuda: cancelled; ", "--resume");
    assertThat(directory.resolve("results")).isEmptyFile();
  }

  /** The states are saved when the first block is done. */
  private static void waitFor(Process run, Path file) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    while (!Files.exists(file)) {
      assertThat(run.isAlive()).as("runs before it made %s", file).isTrue();
      assertThat(System.nanoTime()).as("time to make %s", file).isLessThan(end);
      Thread.sleep(20);
    }
  }
}
