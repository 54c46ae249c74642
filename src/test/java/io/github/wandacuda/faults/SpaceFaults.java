package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Started;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The output's disk fills up, or is too small to begin with. */
class SpaceFaults {
  @TempDir Path directory;

  private Case run;
  private Path disk;

  @BeforeEach
  void mount() throws Exception {
    run = new Case(directory, new GeneratedLlama(6, 256, 512, 2000), 8, 128);
    disk = Files.createDirectory(run.output());
    assumeTrue(
        Mounts.mount(disk, "size=40m"), "skipped: mounting a small tmpfs needs root's rights");
  }

  @AfterEach
  void unmount() throws Exception {
    Mounts.unmount(disk);
  }

  @ParameterizedTest
  @ValueSource(strings = {"statistics", "samples"})
  void aDiskThatFillsUpEndsTheRunWhichGoesOnOnceThereIsRoom(String kind) throws Exception {
    run.undisturbed(kind);
    int faults = 0;
    // Room for so much of the output and no more, taken while the run is at work.
    for (int percent : new int[] {5, 60, 95}) {
      try (Started program = Command.jar(run.run(kind, run.output(), "--resume")).start()) {
        program.awaitFile(run.output().resolve(".wanda-cuda.journal"));
        Path filler = fill(percent);
        int exitCode = program.exitCode();
        if (exitCode != 0) {
          assertThat(exitCode).as(program.said()).isEqualTo(6);
          assertThat(program.end().errors()).singleElement().asString().contains(disk.toString());
          faults++;
        }
        Files.deleteIfExists(filler); // A run that ends removes all that has its prefix.
        run.assertPlainlyUnfinished(kind);
      }
      run.assertInputUnchanged();
    }
    run.assertGoesOn(kind);
    FaultCounts.add(faults, "faults injected: full disks");
    assertThat(faults).isPositive();
  }

  /** Takes the disk but for a part of the output's size. */
  private Path fill(int percent) throws IOException {
    // Hidden behind the program's own prefix, so that it is no foreign file of the output.
    Path filler = disk.resolve(".wanda-cuda-filler");
    long output =
        Directories.files(run.model()).stream()
            .mapToLong(file -> run.model().resolve(file).toFile().length())
            .sum();
    try (OutputStream out = Files.newOutputStream(filler)) {
      byte[] block = new byte[1 << 14];
      while (disk.toFile().getUsableSpace() > output * percent / 100) {
        out.write(block);
      }
    } catch (IOException full) {
      return filler;
    }
    return filler;
  }

  @Test
  void aDiskThatIsTooSmallIsToldBeforeAnythingIsWritten() throws Exception {
    Path filler = disk.resolve("filler");
    Files.write(filler, new byte[(int) (disk.toFile().getUsableSpace() - (1 << 20))]);
    Path output = disk.resolve("below");
    Command.jar(run.run("statistics", output))
        .run()
        .isRefused(6, output.toString(), "room for", "bytes", "9.9 MiB");
    assertThat(output).doesNotExist();
    FaultCounts.add(1, "faults injected: disks that are too small");
  }
}
