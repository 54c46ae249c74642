package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Programs that were built are kept, and nothing that goes wrong with that is an error. */
class ProgramCacheTest {
  private static final byte[] BINARY = {1, 2, 3};

  @TempDir Path temporary;
  private Path directory;
  private ProgramCache cache;

  @BeforeEach
  void create() {
    directory = temporary.resolve("some").resolve("where");
    cache = new ProgramCache(directory);
  }

  @Test
  void aProgramIsFoundAgain() throws IOException {
    assertThat(cache.read(key("a"))).isEmpty();
    cache.write(key("a"), BINARY);
    assertThat(cache.read(key("a"))).contains(BINARY);
    assertThat(cache.read(key("b"))).isEmpty();
    cache.write(key("a"), new byte[] {9});
    assertThat(cache.read(key("a"))).contains(new byte[] {9});
    assertThat(files()).hasSize(1);
  }

  @Test
  void whatItIsBuiltFromIsItsName() {
    DeviceFacts facts = Facts.GOOD;
    ProgramCache.Key key = ProgramCache.Key.of("source", "-D F16", facts);
    assertThat(ProgramCache.Key.of("source", "-D F16", Facts.with("driver", "1"))).isEqualTo(key);
    assertThat(ProgramCache.Key.of("source ", "-D F16", facts)).isNotEqualTo(key);
    assertThat(ProgramCache.Key.of("source", "-D F32", facts)).isNotEqualTo(key);
    assertThat(ProgramCache.Key.of("source-", "D F16", facts)).isNotEqualTo(key);
    assertThat(ProgramCache.Key.of("source", "-D F16", Facts.with("driver", "2")))
        .isNotEqualTo(key);
  }

  @Test
  void aFileThatIsNotWholeIsNotUsed() throws IOException {
    cache.write(key("a"), BINARY);
    Path file = files().getFirst();
    byte[] whole = Files.readAllBytes(file);
    for (int length : new int[] {0, 5, whole.length - 1}) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThat(cache.read(key("a"))).isEmpty();
    }
    whole[whole.length - 1] ^= 1;
    Files.write(file, whole);
    assertThat(cache.read(key("a"))).isEmpty();
    cache.write(key("a"), BINARY);
    assertThat(cache.read(key("a"))).contains(BINARY);
  }

  @Test
  void nobodyElseCanReadOrWriteIt() throws IOException {
    assumeTrue(isPosix());
    cache.write(key("a"), BINARY);
    assertThat(permissions(directory)).isEqualTo("rwx------");
    assertThat(permissions(files().getFirst())).isEqualTo("rw-------");
  }

  @Test
  void aDirectoryThatOthersMayWriteToIsNotUsed() throws IOException {
    assumeTrue(isPosix());
    cache.write(key("a"), BINARY);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(cache.read(key("a"))).isEmpty();
    cache.write(key("b"), BINARY);
    assertThat(files()).hasSize(1);
  }

  /** Who may rename in a folder above puts a folder of binaries of his own in its place. */
  @Test
  void norIsOneBelowSuchADirectory() throws IOException {
    assumeTrue(isPosix());
    cache.write(key("a"), BINARY);
    Path above = directory.getParent();
    for (String permissions : List.of("rwxrwxrwx", "rwxrwx---", "rwx----w-")) {
      Files.setPosixFilePermissions(above, PosixFilePermissions.fromString(permissions));
      assertThat(cache.read(key("a"))).isEmpty();
      cache.write(key("b"), BINARY);
      assertThat(files()).hasSize(1);
    }
    Files.setPosixFilePermissions(above, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(cache.read(key("a"))).contains(BINARY);
  }

  @Test
  void aFileThatOthersMayChangeIsNotUsed() throws IOException {
    assumeTrue(isPosix());
    cache.write(key("a"), BINARY);
    Path file = files().getFirst();
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
    assertThat(cache.read(key("a"))).isEmpty();
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    assertThat(cache.read(key("a"))).contains(BINARY);
    Files.move(file, temporary.resolve("moved"));
    Files.createSymbolicLink(file, temporary.resolve("moved"));
    assertThat(cache.read(key("a"))).as("a link").isEmpty();
  }

  @Test
  void aDirectoryThatCannotBeMadeIsNoError() throws IOException {
    Files.createDirectories(directory.getParent());
    Files.write(directory, BINARY);
    cache.write(key("a"), BINARY);
    assertThat(cache.read(key("a"))).isEmpty();
    assertThat(Files.readAllBytes(directory)).isEqualTo(BINARY);
  }

  private static ProgramCache.Key key(String source) {
    return ProgramCache.Key.of(source, "", Facts.GOOD);
  }

  private boolean isPosix() {
    return temporary.getFileSystem().supportedFileAttributeViews().contains("posix");
  }

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> list = Files.list(directory)) {
      return list.toList();
    }
  }
}
