package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivateDirectoryTest {
  private static final String TEMPORARY = "java.io.tmpdir";

  @TempDir Path folder;

  @BeforeEach
  void needsModes() {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("unix"),
        "skipped: no Unix modes here");
  }

  private static Path mode(Path path, String permissions) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  @Test
  void isTheOwnersAloneAndGoesWithItsContent() throws IOException {
    Path path;
    try (PrivateDirectory directory = PrivateDirectory.create("test")) {
      path = directory.path();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rwx------");
      assertThat(PrivateDirectory.isOnlyMine(path)).isTrue();
      Files.createDirectories(path.resolve("a/b"));
      Files.writeString(path.resolve("a/b/c"), "x");
    }
    assertThat(path).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwxrwx---", "rwx----w-", "rwxrwxrwx"})
  void aFolderThatOthersCanWriteToIsNotMine(String permissions) throws IOException {
    Path own = mode(Files.createDirectory(folder.resolve("own")), "rwx------");
    assertThat(PrivateDirectory.isOnlyMine(own)).isTrue();
    assertThat(PrivateDirectory.isOnlyMine(mode(own, permissions))).isFalse();
    mode(own, "rwx------");
    Path inside = mode(Files.writeString(own.resolve("libx.so"), "x"), "rw-rw-rw-");
    assertThat(PrivateDirectory.isOnlyMine(own)).as("a file that others can change").isFalse();
    mode(inside, "rw-r--r--");
    assertThat(PrivateDirectory.isOnlyMine(own)).isTrue();
    mode(folder, permissions);
    assertThat(PrivateDirectory.isOnlyMine(own)).as("a folder above").isFalse();
  }

  @Test
  void neitherALinkNorWhatHoldsOneIsMine() throws IOException {
    Path own = mode(Files.createDirectory(folder.resolve("own")), "rwx------");
    Path link = Files.createSymbolicLink(folder.resolve("link"), own);
    assertThat(PrivateDirectory.isOnlyMine(link)).isFalse();
    Files.createSymbolicLink(own.resolve("libx.so"), folder.resolve("planted.so"));
    assertThat(PrivateDirectory.isOnlyMine(own)).isFalse();
  }

  @Test
  void whatAnotherUserOwnsIsNotMine() throws IOException {
    Path own = mode(Files.createDirectory(folder.resolve("own")), "rwx------");
    Path planted = Files.writeString(own.resolve("libx.so"), "x");
    try {
      Files.setAttribute(planted, "unix:uid", 12345);
    } catch (IOException e) {
      assumeTrue(false, "skipped: only root can give a file away");
    }
    assertThat(PrivateDirectory.isOnlyMine(own)).isFalse();
  }

  @Test
  void aTemporaryDirectoryInWhichOthersCanRenameIsRefused() throws IOException {
    Path open = Files.createDirectory(folder.resolve("open"));
    mode(open, "rwxrwxrwx");
    assertThat(startsIn(open)).isFalse();
    try (Stream<Path> left = Files.list(open)) {
      assertThat(left).isEmpty();
    }
    Files.setAttribute(open, "unix:mode", 01777);
    assertThat(startsIn(open)).isTrue();
  }

  /** In a JVM of its own, since the JDK keeps the temporary directory that it first saw. */
  private boolean startsIn(Path temporary) throws IOException {
    return Command.main("-D" + TEMPORARY + "=" + temporary, MakeOne.class).succeeds();
  }

  /** Makes a private directory. */
  static final class MakeOne {
    private MakeOne() {}

    /** Fails if it can't. */
    public static void main(String[] args) throws IOException {
      PrivateDirectory.create("test").close();
    }
  }
}
