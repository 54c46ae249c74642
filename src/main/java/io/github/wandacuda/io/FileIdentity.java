package io.github.wandacuda.io;

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
import java.util.Optional;
import java.util.Set;

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

  /** Returns the identity of a file or folder with these attributes. */
  static Object of(Path path, BasicFileAttributes attributes) throws IOException {
    Object key = attributes.fileKey();
    return key == null ? path.toRealPath() : key;
  }

  /** Returns a path with the links in its existing part followed. */
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

  /** Returns whether a path leads to a folder or to something below it, which needn't exist yet. */
  public static boolean isWithin(Path path, Path folder) {
    Path home = real(folder);
    Optional<Object> identity = of(home);
    for (Path place = real(path); place != null; place = place.getParent()) {
      if (place.equals(home) || identity.isPresent() && of(place).equals(identity)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Returns the identities of a model's directory, of all that is in it at any depth, and of the
   * files that its links lead to. Folders that {@link Links} doesn't allow and what can't be read
   * are passed over, since no run reads from there.
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
              return Links.isInside(folder, path) && found.add(of(path, attributes))
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
      throw Malformed.unreadable(folder, "a folder", e);
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
}
