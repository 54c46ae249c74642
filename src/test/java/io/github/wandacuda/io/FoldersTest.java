package io.github.wandacuda.io;

import static io.github.wandacuda.checkpoint.TestFiles.assertOutputError;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FoldersTest {
  @TempDir Path folder;

  @Test
  void aFolderThatCantBeForcedIsAFailure() {
    assertOutputError(() -> Folders.force(folder.resolve("gone")), "gone", "no such file");
  }

  @Test
  void aFileSystemThatForcesNoFoldersIsLeftToItself() {
    // As a device for which fsync means nothing answers.
    assertThatCode(() -> Folders.force(Path.of("/dev/null"))).doesNotThrowAnyException();
  }

  @Test
  void allFoldersAboveAreMade() throws IOException {
    Folders.create(folder.resolve("a/b/c"));
    Folders.create(folder.resolve("a/b/c"));
    assertThat(folder.resolve("a/b/c")).isDirectory();
  }
}
