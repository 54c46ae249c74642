package io.github.wandacuda.io;

import static io.github.wandacuda.checkpoint.TestFiles.assertOutputError;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicWriteTest {
  @TempDir Path folder;

  @Test
  void theNameStandsForCompleteContentOnly() throws IOException {
    Path file = Files.writeString(folder.resolve("x"), "before");
    AtomicWrite.replace(
        file,
        out -> {
          out.write("after".getBytes());
          out.flush();
          assertThat(file).hasContent("before");
        });
    assertThat(file).hasContent("after");
    assertThat(folder).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @Test
  void aFailureLeavesWhatWasThereAndNothingElse() throws IOException {
    Path file = Files.writeString(folder.resolve("x"), "before");
    assertOutputError(
        () ->
            AtomicWrite.replace(
                file,
                out -> {
                  out.write(1);
                  throw new IOException("two\nlines");
                }),
        file + ": expected to write it, found: two");
    assertThatThrownBy(
            () ->
                AtomicWrite.replace(
                    file,
                    out -> {
                      throw new IllegalStateException("mine");
                    }))
        .hasMessage("mine");
    assertThat(file).hasContent("before");
    assertThat(folder).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @Test
  void aKilledRunsLeftoverIsReplaced() throws IOException {
    Path file = folder.resolve("x".repeat(255));
    Files.writeString(AtomicWrite.temporary(file), "half");
    AtomicWrite.replace(file, out -> out.write('a'));
    assertThat(file).hasContent("a");
    assertThat(folder).isDirectoryNotContaining(path -> !path.equals(file));
  }

  @Test
  void newFilesHaveOrdinaryRights() throws IOException {
    Path ordinary = Files.writeString(folder.resolve("ordinary"), "");
    Path file = folder.resolve("x");
    AtomicWrite.replace(file, out -> out.write('a'));
    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(Files.getPosixFilePermissions(ordinary));
  }

  @Test
  void aFolderIsNotReplaced() {
    assertOutputError(
        () -> AtomicWrite.replace(folder, out -> out.write(1)), folder + ": expected");
  }

  @Test
  void aDeviceIsWrittenToDirectly() {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full));
    try (ReservedFile reserved = ReservedFile.of(full)) {
      assertOutputError(
          () -> reserved.write(out -> out.write(1)),
          "/dev/full: expected to write it, found: No space left on device");
    }
    try (ReservedFile reserved = ReservedFile.of(Path.of("/dev/null"))) {
      reserved.write(out -> out.write(1));
    }
    assertThat(Files.exists(full)).isTrue();
  }
}
