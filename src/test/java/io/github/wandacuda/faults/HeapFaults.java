package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Java heap, or the machine's memory, is too small. */
class HeapFaults {
  @TempDir Path directory;

  private Case run;

  @BeforeEach
  void write() throws IOException {
    run = new Case(directory, new GeneratedLlama(6, 256, 512, 2000), 8, 128);
  }

  @ParameterizedTest
  @ValueSource(strings = {"statistics", "magnitude", "samples"})
  void aHeapThatIsExhaustedEndsTheRunWhichGoesOnWithMore(String kind) throws Exception {
    int exhausted = 0;
    for (int mib : Tier.isEach() ? new int[] {5, 9, 16} : new int[] {5}) {
      List<String> options = List.of("-Xmx" + mib + "m", "-XX:-UseGCOverheadLimit");
      try (Started program =
          Command.jar(run.run(kind, run.output(), "--resume")).withOptions(options).start()) {
        int exitCode = program.exitCode();
        assertThat(exitCode).as(program.said()).isIn(0, 1);
        if (exitCode == 1) {
          exhausted++;
        }
      }
      run.assertPlainlyUnfinished(kind);
      run.assertInputUnchanged();
    }
    run.assertGoesOn(kind);
    FaultCounts.add(exhausted, "faults injected: heaps exhausted");
    assertThat(exhausted).isPositive();
  }

  /** Off the heap nothing bounds what is asked for, so it is asked first. */
  @Test
  void memoryThatTheMachineHasNotIsToldBeforeAnythingIsWritten() throws Exception {
    Path lists = directory.resolve("many.json");
    String sample = "[" + "1,".repeat(2047) + "1]";
    Files.writeString(lists, "[" + (sample + ",").repeat(1999) + sample + "]");
    Path wide = new GeneratedLlama(1, 8192, 32, 32).write(directory.resolve("wide"));
    Object[] words = {
      "prune", "--model", wide, "--calibration", lists, "--output", run.output(), "--quiet"
    };
    Command.jar(words).run().isRefused(2, "memory", "GiB", "samples");
    assertThat(run.output()).doesNotExist();
    assertThat(Directories.files(wide)).isNotEmpty();
    FaultCounts.add(1, "faults injected: more memory than there is");
  }
}
