package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The right to write is missing, or is taken away in the middle. */
class RightsFaults {
  @TempDir Path directory;

  private Case run;

  @BeforeEach
  void write() throws IOException {
    run = new Case(directory, new GeneratedLlama(6, 256, 512, 2000), 16, 128);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static void allow(Path path, String permissions) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  private static List<String> nobody() throws Exception {
    List<String> words = Mounts.asNobody();
    assumeTrue(words != null, "skipped: a process without root's rights needs setpriv");
    return words;
  }

  @Test
  void aPlaceThatCantBeWrittenIsToldFirst() throws Exception {
    List<String> nobody = nobody();
    Path locked = Files.createDirectory(directory.resolve("locked"));
    allow(locked, "r-xr-xr-x");
    Path output = locked.resolve("out");
    Command.jar(run.run("statistics", output))
        .under(nobody)
        .run()
        .isRefused(6, locked.toString(), "right");
    assertThat(output).doesNotExist();
    run.assertInputUnchanged();
    FaultCounts.add(1, "faults injected: rights that were missing");
  }

  @Test
  void aReadOnlyFileSystemIsToldFirst() throws Exception {
    Path disk = Files.createDirectory(directory.resolve("disk"));
    assumeTrue(Mounts.mount(disk, "size=40m"), "skipped: mounting needs root's rights");
    try {
      assertThat(Mounts.makeReadOnly(disk)).isTrue();
      Path output = disk.resolve("out");
      Command.jar(run.run("statistics", output)).run().isRefused(6, disk.toString());
    } finally {
      Mounts.unmount(disk);
    }
    FaultCounts.add(1, "faults injected: rights that were missing");
  }

  @Test
  void rightsThatAreTakenAwayEndTheRunWhichGoesOnOnceTheyAreBack() throws Exception {
    List<String> nobody = nobody();
    run.undisturbed("samples");
    Path output = Files.createDirectory(run.output());
    allow(output, "rwxrwxrwx");
    Object[] words = run.run("samples", output, "--resume");
    try (Started program = Command.jar(words).under(nobody).start()) {
      program.awaitFile(output.resolve(".wanda-cuda.states-1"));
      allow(output, "r-xr-xr-x");
      assertThat(program.exitCode()).as(program.said()).isEqualTo(6);
      assertThat(program.end().errors()).singleElement().asString().contains(output.toString());
    }
    run.assertPlainlyUnfinished("samples");
    allow(output, "rwxrwxrwx");
    Command.jar(words).under(nobody).run().succeeds();
    Directories.assertSame(run.undisturbed("samples"), output);
    run.assertInputUnchanged();
    FaultCounts.add(1, "faults injected: rights that were taken away");
  }

  @Test
  void readOnlyShardsAreNotPrunedInPlace() throws Exception {
    List<String> nobody = nobody();
    Path model = TestData.copy(run.model(), directory.resolve("in-place"));
    allow(model, "rwxrwxrwx");
    Object[] words = {
      "prune", "--in-place", "--yes", "--method", "magnitude", "--model", model, "--quiet"
    };
    Command.jar(words).under(nobody).run().isRefused(6, ".safetensors", "right");
    Directories.assertSame(run.model(), model);
    FaultCounts.add(1, "faults injected: rights that were missing");
  }
}
