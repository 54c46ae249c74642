package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AutoClose;
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
  @AutoClose private Started run;

  /** Starts a run and waits for its first block. */
  private void start(String... before) throws IOException, InterruptedException {
    output = directory.resolve("out");
    run =
        Command.jar(
                Words.of(
                    "prune --model %s --output %s --calibration testdata/text/calibration.txt"
                        + " --samples 100 --sequence-length 256 --checkpoint-every 0 --backend cpu"
                        + " --threads 1",
                    TestData.TINY_LLAMA, output))
            .under((Object[]) before)
            .within(SECONDS)
            .start();
    await(".wanda-cuda.states-1", () -> Files.exists(output.resolve(".wanda-cuda.states-1")));
  }

  private void await(String what, BooleanSupplier isSo) throws InterruptedException {
    run.await(isSo);
    assertThat(run.isAlive()).as("runs before %s", what).isTrue();
  }

  private void assertEnds(String signal, int exitCode) throws IOException, InterruptedException {
    long told = System.nanoTime();
    run.signal(signal);
    Ended ended = run.end().fails(exitCode, "wanda-cuda: cancelled; ", "--resume");
    assertThat(System.nanoTime() - told).isLessThan(TimeUnit.SECONDS.toNanos(5));
    assertThat(output.resolve("config.json")).doesNotExist();
    assertThat(output.resolve(".wanda-cuda.journal")).exists();
    assertThat(ended.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143", "HUP, 129"})
  @FirstCases
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
      run.signal(ignored);
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
