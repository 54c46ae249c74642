package io.github.wandacuda.system;

import java.io.IOException;
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
 * A temporary directory that nobody else can put anything into: made here under a name that could
 * not be known, with mode 0700, in a place where others can't exchange it. A native library that is
 * loaded runs with all the user's rights, so it is unpacked nowhere else.
 */
public final class PrivateDirectory implements AutoCloseable {
  private static final int OTHERS_WRITE = 0022;
  private static final int STICKY = 01000;
  private static final int ALL_BITS = 07777;
  private static final int OWNER_ONLY = 0700;
  private static final int ROOT = 0;

  /** How the kernel shows the owner of what belongs to nobody in a container's range of users. */
  private static final int NOT_MAPPED = 65534;

  private final Path path;

  private PrivateDirectory(Path path) {
    this.path = path;
  }

  /**
   * Makes a directory in the system's temporary one.
   *
   * @param prefix of its name
   * @throws IOException if it can't be made, or others could exchange what is in the temporary
   *     directory
   */
  public static PrivateDirectory create(String prefix) throws IOException {
    Path path = Files.createTempDirectory(prefix, attributes());
    PrivateDirectory directory = new PrivateDirectory(path);
    if (hasModes() && !(mode(path) == OWNER_ONLY && isOnlyMine(path))) {
      directory.close();
      throw new AccessDeniedException(
          path.getParent().toString(), null, "others can exchange what is in it");
    }
    return directory;
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
   * Returns whether a directory is this user's, is no link, and neither it nor what is in it can be
   * written or exchanged by others. Where there are no Unix modes the system's own rules count.
   *
   * @throws IOException if it can't be looked at
   */
  public static boolean isOnlyMine(Path directory) throws IOException {
    if (!hasModes()) {
      return true;
    }
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    Path real = directory.toRealPath();
    int me = me();
    try (Stream<Path> content = Files.walk(real)) {
      for (Path each : (Iterable<Path>) content::iterator) {
        if (!isMine(each, me)) {
          return false;
        }
      }
    }
    for (Path above = real.getParent(); above != null; above = above.getParent()) {
      if (!keepsWhatIsMine(above, me)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isMine(Path path, int me) throws IOException {
    return !Files.isSymbolicLink(path) && owner(path) == me && (mode(path) & OTHERS_WRITE) == 0;
  }

  /** In a directory that all may write to the sticky bit keeps others from renaming. */
  private static boolean keepsWhatIsMine(Path folder, int me) throws IOException {
    int owner = owner(folder);
    boolean trusted = owner == ROOT || owner == NOT_MAPPED || owner == me;
    int mode = mode(folder);
    return trusted && ((mode & OTHERS_WRITE) == 0 || (mode & STICKY) != 0);
  }

  private static int mode(Path path) throws IOException {
    return (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) & ALL_BITS;
  }

  private static int owner(Path path) throws IOException {
    return (int) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }

  /** Returns this process's user: what it makes is its own. */
  private static int me() throws IOException {
    Path own = Files.createTempFile("wanda-cuda", null);
    try {
      return owner(own);
    } finally {
      Files.delete(own);
    }
  }

  /** Returns the directory. */
  public Path path() {
    return path;
  }

  /** Deletes the directory and what it can of its content: Windows keeps a loaded library. */
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
