package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.system.TrustedPaths.FileEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Looks at real files whose owners and permissions are made up: root's, mode 0755, but for some.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "tells neither owners nor permissions")
class TrustedPathsTest {
  private static final int USER = 1000;
  private static final int OTHER = 1001;
  private static final String WHERE = "libraries/here";

  @TempDir Path temporary;

  private Path top;
  private Path folder;
  private final Map<Path, FileEntry> special = new HashMap<>();

  @BeforeEach
  void aFolderInATrustedPlace() throws IOException {
    top = temporary.toRealPath();
    folder = top.resolve(WHERE);
    Files.createDirectories(folder.resolve("lib/server"));
    Files.createFile(folder.resolve("lib/server/libjvm.so"));
    Files.createFile(folder.resolve("lib/modules"));
  }

  private TrustedPaths trusted() {
    return new TrustedPaths(this::entry, USER);
  }

  private FileEntry entry(Path path) throws IOException {
    FileEntry real = FileEntry.at(path);
    return real == null ? null : special.getOrDefault(path, new FileEntry(0, 0755, real.target()));
  }

  private void is(String path, int owner, int mode) throws IOException {
    Path at = top.resolve(path);
    special.put(at, new FileEntry(owner, mode, FileEntry.at(at).target()));
  }

  @Test
  void whatIsRootsOrTheUsersIsTaken() throws IOException {
    assertThat(trusted().objectionWithin(folder)).isNull();
    is("libraries", USER, 0755);
    is(WHERE, USER, 0700);
    assertThat(trusted().objectionWithin(folder)).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "libraries",
        WHERE,
        WHERE + "/lib",
        WHERE + "/lib/modules",
        WHERE + "/lib/server",
        WHERE + "/lib/server/libjvm.so"
      })
  void whatOthersMayChangeIsRefused(String place) throws IOException {
    Path at = top.resolve(place);
    is(place, 0, 01777);
    assertThat(trusted().objectionWithin(folder))
        .isEqualTo(at + ": anybody may write to it, mode 1777");
    is(place, USER, 0775);
    assertThat(trusted().objectionWithin(folder))
        .isEqualTo(at + ": its group may write to it, mode 0775");
    is(place, OTHER, 0755);
    assertThat(trusted().objectionWithin(folder)).isEqualTo(at + " belongs to user " + OTHER);
  }

  @ParameterizedTest
  @CsvSource({"/, 0757", "/, 0775"})
  void theTopOfTheFileSystemCounts(Path place, String mode) {
    special.put(place, new FileEntry(0, Integer.parseInt(mode, 8), null));
    assertThat(trusted().objection(folder)).startsWith("/: ");
  }

  @Test
  void aLinksFolderAndWhatItLeadsThroughCount() throws IOException {
    Path open = Files.createDirectories(top.resolve("open"));
    Path safe = Files.createDirectories(top.resolve("safe"));
    is("open", 0, 01777);
    Path planted = Files.createSymbolicLink(open.resolve("jdk"), folder);
    assertThat(trusted().objection(planted)).startsWith(open + ": anybody");
    Path through = Files.createSymbolicLink(safe.resolve("through"), Path.of("../open/folder/lib"));
    assertThat(trusted().objection(through)).startsWith(open + ": anybody");
    Path around = Files.createSymbolicLink(safe.resolve("around"), Path.of("../open/../libraries"));
    assertThat(trusted().objection(around)).startsWith(open + ": anybody");
    Path direct = Files.createSymbolicLink(safe.resolve("direct"), Path.of("../libraries/here"));
    assertThat(trusted().objection(direct)).isNull();
    assertThat(trusted().objectionWithin(direct)).isNull();
    is("safe/direct", OTHER, 0777);
    assertThat(trusted().objection(direct)).isEqualTo(direct + " belongs to user " + OTHER);
  }

  @Test
  void linksInsideAreFollowed() throws IOException {
    Path open = Files.createDirectories(top.resolve("open"));
    Path library = Files.createFile(open.resolve("libnet.so"));
    is("open", OTHER, 0755);
    Files.createSymbolicLink(folder.resolve("lib/libnet.so"), library);
    assertThat(trusted().objectionWithin(folder)).isEqualTo(open + " belongs to user " + OTHER);
    Files.delete(folder.resolve("lib/libnet.so"));
    Files.createSymbolicLink(folder.resolve("lib/ext"), open);
    assertThat(trusted().objectionWithin(folder)).isEqualTo(open + " belongs to user " + OTHER);
  }

  @Test
  void aCircleOfLinksEnds() throws IOException {
    Path circle = Files.createSymbolicLink(top.resolve("circle"), Path.of("circle"));
    assertThat(trusted().objection(circle)).isEqualTo("its links lead nowhere");
  }

  @Test
  void relativePathsAreRefused() {
    assertThat(trusted().objectionWithin(Path.of("folder"))).isEqualTo("it is no absolute path");
  }

  @Test
  void thisProcessKnowsItsUser() throws IOException {
    Path own = Files.createFile(top.resolve("own"));
    assertThat(Files.getAttribute(own, "unix:uid")).isEqualTo(OwnUser.get());
    assertThat(OwnUser.ofSystem()).isEqualTo(OwnUser.get());
  }
}
