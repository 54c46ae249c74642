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
 * A temporary directory that no other user can write to: it has an unpredictable name and mode
 * 0700, and is in a directory in which others can't replace it. Native libraries are unpacked only
 * here, since they run with all rights of the user.
 */
public final class PrivateDirectory implements AutoCloseable {
  private static final int OTHERS_WRITE = 0022;
  private static final int STICKY = 01000;
  private static final int ALL_BITS = 07777;
  private static final int OWNER_ONLY = 0700;
  private static final int ROOT = 0;

  /**
   * The owner that the kernel shows for a file whose owner isn't mapped into a container's users.
   */
  private static final int NOT_MAPPED = 65534;

  private final Path path;

  private PrivateDirectory(Path path) {
    this.path = path;
  }

  /**
   * Makes a directory in the system's temporary one.
   *
   * @param prefix the start of its name
   * @throws IOException if it can't be made, or others could replace files in the temporary
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
   * Returns whether a directory is this user's, is no link, and neither it nor anything in it can
   * be written or replaced by others. On a system without Unix modes it always returns true.
   *
   * @throws IOException if its attributes or content can't be read
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

  /**
   * Returns whether other users can't rename this user's files in a folder: they can't write to it,
   * or it has the sticky bit.
   */
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

  /** Returns the user id of this process, which is the owner of a file that it makes. */
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

  /** Deletes the directory and its content, as far as possible: Windows keeps a loaded library. */
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
