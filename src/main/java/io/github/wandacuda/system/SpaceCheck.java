package io.github.wandacuda.system;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Checks before a run that it has disk space and memory, and may write its output. */
public final class SpaceCheck {
  /** The advice for a run with samples that needs too much memory. */
  public static final String FEWER_SAMPLES = "take fewer or shorter samples";

  private static final double MIB = 1 << 20;
  private static final double GIB = 1 << 30;

  private SpaceCheck() {}

  /**
   * Checks the directory of an output.
   *
   * @param directory may be missing yet; its nearest existing parent is checked then
   * @param bytes bytes that will be written to its disk
   * @throws OutputException if it can't be written, or the disk has less free space
   */
  public static void requireDisk(Path directory, long bytes) {
    Path existing = existing(directory.toAbsolutePath());
    if (!Files.isDirectory(existing)) {
      throw ErrorDetails.file(existing).unwritable("a directory", "something else");
    }
    if (!Files.isWritable(existing)) {
      throw ErrorDetails.file(existing).unwritable("the right to write in it", "none");
    }
    long usable = usable(existing);
    if (bytes > usable) {
      throw ErrorDetails.file(directory).unwritable("room for " + amount(bytes), amount(usable));
    }
  }

  /**
   * Returns whether the disk of a directory has so many bytes free; true if the file system doesn't
   * say.
   */
  public static boolean hasDisk(Path directory, long bytes) {
    return bytes <= usable(existing(directory.toAbsolutePath()));
  }

  private static Path existing(Path absolute) {
    Path path = absolute;
    while (!Files.exists(path, LinkOption.NOFOLLOW_LINKS) && path.getParent() != null) {
      path = path.getParent();
    }
    return path;
  }

  /**
   * Returns the bytes of the files directly in a directory, such as an output that an interrupted
   * run has begun; 0 if it is missing.
   */
  public static long taken(Path directory) {
    if (!Files.isDirectory(directory)) {
      return 0;
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
          .mapToLong(SpaceCheck::size)
          .sum();
    } catch (IOException e) {
      return 0;
    }
  }

  /** Returns a file's size in bytes; 0 if it can't be read, which its copy reports later. */
  public static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return 0;
    }
  }

  private static long usable(Path existing) {
    try {
      return Files.getFileStore(existing).getUsableSpace();
    } catch (IOException e) {
      return Long
          .MAX_VALUE; // Some file systems don't say; then a write fails when the disk is full.
    }
  }

  /**
   * Checks that the machine has so much memory available.
   *
   * @param advice what would need less, for the message
   * @throws UsageException if it hasn't
   */
  public static void requireMemory(long bytes, String advice) {
    long available = MachineFacts.availableMemory();
    if (bytes > available) {
      throw new UsageException(
          "this run needs %s of memory, found %s available; %s"
              .formatted(amount(bytes), amount(available), advice));
    }
  }

  private static String amount(long bytes) {
    String size =
        bytes < GIB / 10 ? "%.1f MiB".formatted(bytes / MIB) : "%.2f GiB".formatted(bytes / GIB);
    return "%d bytes (%s)".formatted(bytes, size);
  }
}
