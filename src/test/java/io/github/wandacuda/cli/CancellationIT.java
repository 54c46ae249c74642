package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Signals;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisabledOnOs(value = OS.WINDOWS, disabledReason = "there are no such signals")
@Isolated
class CancellationIT {
  private static final long SECONDS = 60;
  private static final int TERMINATED = 143;

  @TempDir Path directory;

  private Path output;
  private Process run;

  /** Starts a run and waits for its first block. */
  private void start(String... before) throws IOException, InterruptedException {
    output = directory.resolve("out");
    ProcessBuilder builder =
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
            1);
    builder.command().addAll(0, List.of(before));
    builder.redirectOutput(directory.resolve("results").toFile());
    run = Signals.start(builder.redirectError(directory.resolve("errors").toFile()));
    await(".wanda-cuda.states-1");
  }

  @AfterEach
  void end() {
    run.destroyForcibly();
  }

  private void await(String file) throws InterruptedException {
    await(file, () -> Files.exists(output.resolve(file)));
  }

  private void await(String what, BooleanSupplier isSo) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    while (!isSo.getAsBoolean()) {
      assertThat(run.isAlive()).as("runs before %s", what).isTrue();
      assertThat(System.nanoTime()).as("time for %s", what).isLessThan(end);
      Thread.sleep(20);
    }
  }

  private void assertEnds(String signal, int exitCode) throws IOException, InterruptedException {
    long told = System.nanoTime();
    assertThat(Signals.send(signal, run.pid())).isTrue();
    assertThat(run.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(run.exitValue()).isEqualTo(exitCode);
    assertThat(System.nanoTime() - told).isLessThan(TimeUnit.SECONDS.toNanos(5));
    assertThat(output.resolve("config.json")).doesNotExist();
    assertThat(output.resolve(".wanda-cuda.journal")).exists();
    assertThat(Files.readString(directory.resolve("errors")))
        .contains("wanda-cuda: cancelled; ", "--resume");
    assertThat(directory.resolve("results")).isEmptyFile();
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143", "HUP, 129"})
  void aRunThatIsToldToEndSaysHowToGoOn(String signal, int exitCode)
      throws IOException, InterruptedException {
    start();
    assertEnds(signal, exitCode);
  }

  /** As one is started by {@code nohup}, or in the background of a script. */
  @Test
  void whatItWasStartedToIgnoreItIgnores() throws IOException, InterruptedException {
    start("/bin/sh", "-c", "trap '' INT HUP; exec \"$@\"", "sh");
    for (String ignored : List.of("INT", "HUP")) {
      assertThat(Signals.send(ignored, run.pid())).isTrue();
    }
    long size = journal();
    await("another block", () -> journal() > size);
    assertEnds("TERM", TERMINATED);
  }

  private long journal() {
    try {
      return Files.size(output.resolve(".wanda-cuda.journal"));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
