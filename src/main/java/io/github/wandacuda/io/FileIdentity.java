package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Which file or folder a path leads to, whatever links, hard links, spellings and mounts the path
 * takes. The identity is the system's own (device and inode number) or, where the system has none,
 * the path with all links followed.
 */
public final class FileIdentity {
  private FileIdentity() {}

  /**
   * Returns an identity, equal for all paths to the same file or folder; empty if there is none.
   */
  public static Optional<Object> of(Path path) {
    try {
      return Optional.of(of(path, Files.readAttributes(path, BasicFileAttributes.class)));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Returns the identity of a file or folder.
   *
   * @param attributes its own, which were read just before
   * @throws IOException if the system has no identities and the path leads nowhere
   */
  static Object of(Path path, BasicFileAttributes attributes) throws IOException {
    Object key = attributes.fileKey();
    return key == null ? path.toRealPath() : key;
  }

  /**
   * Returns a path with the links in its existing part followed; absolute, but the rest needn't
   * exist.
   */
  public static Path real(Path path) {
    Path absolute = path.toAbsolutePath();
    try {
      return absolute.toRealPath();
    } catch (IOException e) {
      Path parent = absolute.getParent();
      return parent == null || absolute.getFileName() == null
          ? absolute
          : real(parent).resolve(absolute.getFileName()).normalize();
    }
  }

  /**
   * Returns whether a path leads to a folder or to something below it.
   *
   * @param path may lead to what doesn't exist yet
   */
  public static boolean isWithin(Path path, Path folder) {
    Path home = real(folder);
    Optional<Object> identity = of(home);
    return Stream.iterate(real(path), Objects::nonNull, Path::getParent)
        .anyMatch(
            place -> place.equals(home) || identity.isPresent() && of(place).equals(identity));
  }

  /**
   * Returns the identities of a model's directory, of all that is in it at any depth, and of the
   * files that its links lead to. Folders that {@link #requireInside} doesn't allow and what can't
   * be read are passed over, since no run reads from there.
   *
   * @return as {@link #of(Path)} gives them
   * @throws InputException if the directory itself can't be read
   */
  public static Set<Object> allIn(Path folder) {
    Set<Object> found = new HashSet<>();
    try {
      Files.walkFileTree(
          folder,
          EnumSet.of(FileVisitOption.FOLLOW_LINKS),
          Integer.MAX_VALUE,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes)
                throws IOException {
              // Links between folders could spell exponentially many paths to few of them.
              return isInside(folder, path) && found.add(of(path, attributes))
                  ? FileVisitResult.CONTINUE
                  : FileVisitResult.SKIP_SUBTREE;
            }

            @Override
            public FileVisitResult visitFile(Path path, BasicFileAttributes attributes)
                throws IOException {
              found.add(of(path, attributes));
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path path, IOException failure) {
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path path, IOException failure) {
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw InputException.unreadable(folder, "a folder", e);
    }
    return found;
  }

  /** Returns how many names (hard links) a file has, 1 where the system doesn't tell. */
  public static int names(Path file) {
    try {
      return Files.getAttribute(file, "unix:nlink", LinkOption.NOFOLLOW_LINKS) instanceof Integer n
          ? n
          : 1;
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
      return 1;
    }
  }

  /**
   * Checks that a file of a model directory really lies where links may lead: inside of it, or in a
   * Hugging Face cache, whose snapshots are folders of links to {@code ../../blobs}. By any other
   * link the author of a model directory could have a run copy the user's private files into its
   * output. A missing file passes.
   *
   * @param directory the model's
   * @param file in it, perhaps by a link
   * @throws InputException if it lies elsewhere
   */
  public static void requireInside(Path directory, Path file) {
    try {
      if (!Files.exists(file)) {
        return;
      }
      if (!isInside(directory, file)) {
        throw ErrorDetails.file(file)
            .wrong(
                "a file inside the model's directory or a Hugging Face cache",
                "a link to " + Printable.of(file.toRealPath()));
      }
    } catch (IOException e) {
      throw InputException.unreadable(file, "a file of the model", e);
    }
  }

  /** Returns whether a file or folder of a model directory really lies where links may lead. */
  private static boolean isInside(Path directory, Path file) throws IOException {
    Path real = file.toRealPath();
    Path home = directory.toRealPath();
    return real.startsWith(home) || isBlobOf(real, home) || isCached(real);
  }

  /**
   * Returns whether {@code home} is {@code X/snapshots/revision} and the file {@code X/blobs/…}.
   */
  private static boolean isBlobOf(Path real, Path home) {
    Path snapshots = home.getParent();
    return snapshots != null
        && snapshots.endsWith("snapshots")
        && snapshots.getParent() != null
        && real.startsWith(snapshots.resolveSibling("blobs"));
  }

  /** Returns whether the file is {@code …/models--owner--name/blobs/digest} of some cache. */
  private static boolean isCached(Path real) {
    Path blobs = real.getParent();
    return blobs != null
        && blobs.endsWith("blobs")
        && blobs.getParent() != null
        && blobs.getParent().getFileName() != null
        && blobs.getParent().getFileName().toString().startsWith("models--");
  }
}
