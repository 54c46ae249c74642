package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.system.OwnFolder;
import io.github.wandacuda.system.Sha256;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Keeps built programs between runs. A file holds the SHA-256 of the binary and the binary; its
 * name is a hash of all that the program was built from. If anything is wrong, the program is built
 * again: a truncated or changed file is ignored, and a directory in which others may have a hand
 * ({@link OwnFolder}) is neither read nor written.
 *
 * @param directory is made when the first program is written
 */
record ProgramCache(Path directory) {
  private static final int HASH_BYTES = 32;

  /** Returns the cache of the user, where the conventions of the system want it. */
  public static ProgramCache ofUser() {
    Path home = Path.of(System.getProperty("user.home"));
    return new ProgramCache(directory(System.getProperty("os.name"), home, System.getenv()));
  }

  /** Returns the directory on a system. */
  static Path directory(String system, Path home, Map<String, String> environment) {
    return base(system.toLowerCase(Locale.ROOT), home, environment)
        .resolve("wanda-cuda")
        .resolve("opencl");
  }

  private static Path base(String system, Path home, Map<String, String> environment) {
    if (system.startsWith("windows")) {
      return absolute(environment.get("LOCALAPPDATA"), home.resolve("AppData").resolve("Local"));
    }
    if (system.startsWith("mac")) {
      return home.resolve("Library").resolve("Caches");
    }
    return absolute(environment.get("XDG_CACHE_HOME"), home.resolve(".cache"));
  }

  /** Ignores a relative path, as the XDG base directory specification says. */
  private static Path absolute(String path, Path otherwise) {
    return path != null && Path.of(path).isAbsolute() ? Path.of(path) : otherwise;
  }

  /** A hash of all that a program was built from. */
  public record Key(String name) {
    public static Key of(String source, String options, DeviceFacts facts) {
      MessageDigest digest = Sha256.digest();
      for (String part :
          List.of(
              source,
              options,
              facts.name(),
              facts.version(),
              facts.driver(),
              facts.platform(),
              facts.platformVersion())) {
        byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
        digest.update(bytes);
      }
      return new Key(HexFormat.of().formatHex(digest.digest()) + ".bin");
    }
  }

  /** Returns a program; empty if there is no complete one. */
  Optional<byte[]> read(Key key) {
    try (OwnFolder folder = OwnFolder.open(directory)) {
      byte[] content = folder.read(key.name());
      if (content.length <= HASH_BYTES) {
        return Optional.empty();
      }
      byte[] binary = Arrays.copyOfRange(content, HASH_BYTES, content.length);
      byte[] hash = Arrays.copyOf(content, HASH_BYTES);
      return Arrays.equals(hash, Sha256.digest().digest(binary))
          ? Optional.of(binary)
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Writes a program, if possible. Readers see all of it or nothing. */
  public void write(Key key, byte[] binary) {
    try {
      makeFolder();
      try (OwnFolder folder = OwnFolder.open(directory)) {
        folder.write(key.name(), content(binary));
      }
    } catch (IOException e) {
      return;
    }
  }

  private static byte[] content(byte[] binary) {
    return ByteBuffer.allocate(HASH_BYTES + binary.length)
        .put(Sha256.digest().digest(binary))
        .put(binary)
        .array();
  }

  private void makeFolder() throws IOException {
    if (directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      Files.createDirectories(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } else {
      Files.createDirectories(directory);
    }
  }
}
