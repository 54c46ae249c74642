package io.github.wandacuda.system;

import java.io.File;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * Has the archive made with which the program's next start is faster, in a process of the lowest
 * priority that goes on after this one. It gets none of this process's streams, so that nobody who
 * reads them waits for it. Whatever goes wrong, nothing is said: the archive only saves time.
 */
public final class ArchiveRequest {
  /** Where the launcher says which archive is missing. */
  private static final String PROPERTY = "wandacuda.archive";

  /** Stands beside the archive while it is made, and for a while after that failed. */
  private static final String BEGUN = ".begun";

  private static final Duration AGAIN_AFTER = Duration.ofDays(1);

  private static final String MAKER = "io.github.wandacuda.cli.archive.ArchiveMaker";
  private static final Path NICE = Path.of("/usr/bin/nice");

  private ArchiveRequest() {}

  /** Asks for the archive, if one is missing and nobody has begun to make it. */
  public static void send() {
    String missing = System.getProperty(PROPERTY, "");
    if (!missing.startsWith("/")) {
      return;
    }
    try {
      Path archive = Path.of(missing);
      Files.createDirectories(
          archive.getParent(),
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      if (begins(begun(archive))) {
        start(archive);
      }
    } catch (IOException | RuntimeException e) {
      return;
    }
  }

  /** Returns the file that says that an archive is being made. */
  public static Path begun(Path archive) {
    return archive.resolveSibling(archive.getFileName() + BEGUN);
  }

  /** Returns whether nobody else has begun, of any number of processes that ask at once. */
  private static boolean begins(Path begun) throws IOException {
    if (Files.exists(begun)) {
      Instant last = Files.getLastModifiedTime(begun).toInstant();
      if (last.isAfter(Instant.now().minus(AGAIN_AFTER))) {
        return false;
      }
      Files.deleteIfExists(begun);
    }
    try {
      Files.createFile(begun);
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    }
  }

  private static void start(Path archive) throws IOException {
    List<String> command = new ArrayList<>();
    if (Files.isExecutable(NICE)) {
      command.addAll(List.of(NICE.toString(), "-n", "19"));
    }
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx32m"));
    String jar = Path.of(System.getProperty("java.class.path")).toAbsolutePath().toString();
    command.addAll(List.of("-cp", jar, MAKER, archive.toString()));
    new ProcessBuilder(command)
        .directory(archive.getParent().toFile())
        .redirectInput(new File("/dev/null"))
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }
}
