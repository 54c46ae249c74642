package io.github.wandacuda.cli.archive;

import io.github.wandacuda.system.ArchiveRequest;
import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Makes an archive of the program's classes: has {@link Training} run in a JVM that writes it at
 * its end, and gives it its name when it is complete and on the device.
 */
public final class ArchiveMaker {
  private static final String UNFINISHED = "making-";
  private static final String SUFFIX = ".jsa";

  /** What one user may need: two jars, each on two Javas. */
  private static final int KEPT = 4;

  private static final Duration LONGEST = Duration.ofMinutes(2);
  private static final Duration LEFT_BEHIND = Duration.ofDays(1);

  private ArchiveMaker() {}

  /**
   * Makes it and removes old ones.
   *
   * @param args the archive's path
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    Path archive = Path.of(args[0]);
    Path work = Files.createTempDirectory(archive.getParent(), UNFINISHED);
    try {
      if (make(work, archive)) {
        Files.deleteIfExists(ArchiveRequest.begun(archive));
      }
    } finally {
      delete(work);
    }
    tidy(archive.getParent());
  }

  private static boolean make(Path work, Path archive) throws IOException, InterruptedException {
    Path unfinished = work.resolve("classes" + SUFFIX);
    Process training =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-exports=java.base/jdk.internal.module=ALL-UNNAMED",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-XX:ArchiveClassesAtExit=" + unfinished,
                "-cp",
                System.getProperty("java.class.path"),
                Training.class.getName(),
                work.toString())
            .directory(work.toFile())
            .redirectInput(new File("/dev/null"))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    if (!training.waitFor(LONGEST.toSeconds(), TimeUnit.SECONDS)) {
      training.destroyForcibly().waitFor();
    }
    if (training.exitValue() != 0 || !Files.isRegularFile(unfinished)) {
      return false;
    }
    // After a power cut the name must not stand for a file whose bytes were never written.
    try (FileChannel file = FileChannel.open(unfinished, StandardOpenOption.READ)) {
      file.force(true);
    }
    Files.move(unfinished, archive, StandardCopyOption.ATOMIC_MOVE);
    return true;
  }

  /** Removes all but the newest archives, and what killed makers left behind. */
  private static void tidy(Path directory) throws IOException {
    List<Path> archives;
    try (Stream<Path> files = Files.list(directory)) {
      archives =
          files
              .filter(file -> file.toString().endsWith(SUFFIX))
              .sorted(Comparator.comparing(ArchiveMaker::time).reversed())
              .toList();
    }
    for (Path old : archives.subList(Math.min(KEPT, archives.size()), archives.size())) {
      Files.deleteIfExists(old);
    }
    Instant leftBehind = Instant.now().minus(LEFT_BEHIND);
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.filter(each -> !each.toString().endsWith(SUFFIX)).toList()) {
        if (time(file).isBefore(leftBehind)) {
          delete(file);
        }
      }
    }
  }

  private static Instant time(Path file) {
    try {
      return Files.getLastModifiedTime(file).toInstant();
    } catch (IOException gone) {
      return Instant.MAX;
    }
  }

  private static void delete(Path path) throws IOException {
    try (Stream<Path> all = Files.walk(path)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(each);
      }
    }
  }
}
