package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What is opened is what was checked, whatever happens in between. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class OwnFolderTest {
  private static final byte[] OURS = {1};
  private static final byte[] PLANTED = {2};

  @TempDir Path temporary;

  private Path folder;

  @BeforeEach
  void make() throws IOException {
    folder = Files.createDirectories(temporary.toRealPath().resolve("above/folder"));
    try (OwnFolder opened = OwnFolder.open(folder)) {
      opened.write("file", OURS);
    }
  }

  private void plant() throws IOException {
    Files.move(folder, temporary.resolve("away"));
    Files.write(Files.createDirectory(folder).resolve("file"), PLANTED);
  }

  @Test
  void aFolderThatIsExchangedAfterItWasOpenedIsNotRead() throws IOException {
    try (OwnFolder opened = OwnFolder.open(folder)) {
      plant();
      assertThat(opened.read("file")).isEqualTo(OURS);
      opened.write("more", OURS);
    }
    assertThat(folder.resolve("more")).doesNotExist();
    assertThat(temporary.resolve("away/more")).hasBinaryContent(OURS);
  }

  @Test
  void aFileThatIsExchangedForALinkIsNotRead() throws IOException {
    Path planted = Files.write(temporary.resolve("planted"), PLANTED);
    try (OwnFolder opened = OwnFolder.open(folder)) {
      Files.delete(folder.resolve("file"));
      Files.createSymbolicLink(folder.resolve("file"), planted);
      assertThatThrownBy(() -> opened.read("file")).isInstanceOf(IOException.class);
      opened.write("file", OURS);
      assertThat(opened.read("file")).isEqualTo(OURS);
    }
    assertThat(planted).hasBinaryContent(PLANTED);
  }

  @Test
  void belowAFolderInWhichOthersMayRenameNoneIsOpened() throws IOException {
    Path above = folder.getParent();
    for (String permissions : new String[] {"rwxrwxrwx", "rwx-w----"}) {
      Files.setPosixFilePermissions(above, PosixFilePermissions.fromString(permissions));
      assertThatThrownBy(() -> OwnFolder.open(folder))
          .isInstanceOf(AccessDeniedException.class)
          .hasMessageContaining(above + ": ");
    }
    Files.setAttribute(above, "unix:mode", 01777);
    OwnFolder.open(folder).close();
    Files.setAttribute(folder, "unix:mode", 01777);
    assertThatThrownBy(() -> OwnFolder.open(folder)).isInstanceOf(AccessDeniedException.class);
  }

  @Test
  void aLinkInSuchAFolderIsNotFollowed() throws IOException {
    Path open = Files.createDirectory(temporary.toRealPath().resolve("open"));
    Path link = Files.createSymbolicLink(open.resolve("link"), folder.getParent());
    Files.setAttribute(open, "unix:mode", 0777);
    assertThatThrownBy(() -> OwnFolder.open(link.resolve("folder")))
        .isInstanceOf(AccessDeniedException.class);
    assertThat(PrivateDirectory.isOnlyMine(folder)).isTrue();
    assertThat(PrivateDirectory.isOnlyMine(link.resolve("folder"))).isFalse();
  }

  @Test
  void whatAnotherUserOwnsIsNotUsed() throws IOException {
    assumeTrue(
        Files.getAttribute(folder, "unix:uid").equals(0), "skipped: only root can give files away");
    // Where it is a user, as outside of containers, it is one like any other.
    for (int other : new int[] {12345, 65534}) {
      for (Path place : new Path[] {folder.getParent(), folder}) {
        Files.setAttribute(place, "unix:uid", other);
        assertThatThrownBy(() -> OwnFolder.open(folder)).isInstanceOf(AccessDeniedException.class);
        Files.setAttribute(place, "unix:uid", 0);
      }
      Files.setAttribute(folder.resolve("file"), "unix:uid", other);
      try (OwnFolder opened = OwnFolder.open(folder)) {
        assertThatThrownBy(() -> opened.read("file")).isInstanceOf(AccessDeniedException.class);
      }
    }
  }
}
