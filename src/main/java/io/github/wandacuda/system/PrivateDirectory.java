package io.github.wandacuda.system;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A temporary directory that no other user can write to: it has an unpredictable name and mode
 * 0700, and is in a directory in which others can't replace it. Native libraries are unpacked only
 * here, since they run with all rights of the user.
 */
public final class PrivateDirectory implements AutoCloseable {
  private final Path path;

  private PrivateDirectory(Path path) {
    this.path = path;
  }

  /**
   * Creates a directory in the system's temporary one.
   *
   * @param prefix the beginning of its name
   * @return the caller's to close
   * @throws IOException if it can't be created, or others could replace files in the temporary
   *     directory
   */
  public static PrivateDirectory create(String prefix) throws IOException {
    Path path = Files.createTempDirectory(prefix, attributes());
    if (!isOnlyMine(path)) {
      // Only the directory itself: another user may own by now what is in it.
      Files.deleteIfExists(path);
      throw new AccessDeniedException(
          path.getParent().toString(), null, "others can exchange what is in it");
    }
    return new PrivateDirectory(path);
  }

  private static FileAttribute<?>[] attributes() {
    return hasModes()
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
  }

  private static boolean hasModes() {
    return FileSystems.getDefault().supportedFileAttributeViews().contains("unix");
  }

  /**
   * Returns whether a directory is trusted ({@link TrustedPaths}) with all that is in it, and is no
   * link and holds none. On a system without Unix modes it always returns true.
   *
   * @throws IOException if its attributes or content can't be read
   */
  public static boolean isOnlyMine(Path directory) throws IOException {
    if (!hasModes()) {
      return true;
    }
    Path absolute = directory.toAbsolutePath();
    try (Stream<Path> content = Files.walk(absolute)) {
      if (content.anyMatch(Files::isSymbolicLink)) {
        return false;
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return Files.isDirectory(absolute, LinkOption.NOFOLLOW_LINKS)
        && TrustedPaths.ofThisProcess().evenBelowSticky().objectionWithin(absolute) == null;
  }

  /** Returns the directory's absolute path. */
  public Path path() {
    return path;
  }

  /**
   * Deletes the directory and its content as far as possible; Windows keeps a library that is
   * loaded.
   */
  @Override
  public void close() {
    try (Stream<Path> walk = Files.walk(path)) {
      List<Path> deepestFirst = walk.sorted(Comparator.reverseOrder()).toList();
      for (Path each : deepestFirst) {
        Files.deleteIfExists(each);
      }
    } catch (IOException e) {
      path.toFile().deleteOnExit();
    }
  }
}
