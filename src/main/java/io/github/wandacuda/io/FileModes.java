package io.github.wandacuda.io;

import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/**
 * Who may read what is written. A copy gets its source's mode less the user's umask, as with {@code
 * cp}. Its owner may always write it, since an interrupted run must be able to resume it. On a
 * system without such modes nothing is set.
 */
public final class FileModes {
  private static final FileAttribute<?>[] NONE = {};

  private FileModes() {}

  /** Returns the attributes of a new file that only its owner may read; none on Windows. */
  public static FileAttribute<?>[] ownerOnly() {
    // Windows has no POSIX modes.
    return File.separatorChar == '\\' ? NONE : of(EnumSet.noneOf(PosixFilePermission.class));
  }

  /**
   * Makes a file and opens it to write and read it.
   *
   * @param attributes who may read it; without any, only its owner
   * @throws IOException if it is there already or can't be made
   */
  public static FileChannel create(Path file, FileAttribute<?>... attributes) throws IOException {
    return FileChannel.open(
        file,
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
        attributes.length == 0 ? ownerOnly() : attributes);
  }

  /** Returns the attributes of a file's copy; none where the source's can't be read. */
  public static FileAttribute<?>[] like(Path source) {
    return like(source, Set.of());
  }

  /** Returns the attributes of a folder's copy, which its owner may always enter. */
  public static FileAttribute<?>[] likeFolder(Path source) {
    return like(source, Set.of(PosixFilePermission.OWNER_EXECUTE));
  }

  private static FileAttribute<?>[] like(Path source, Set<PosixFilePermission> more) {
    try {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(source);
      permissions.addAll(more);
      return of(permissions);
    } catch (IOException | UnsupportedOperationException e) {
      return NONE;
    }
  }

  private static FileAttribute<?>[] of(Set<PosixFilePermission> permissions) {
    permissions.add(PosixFilePermission.OWNER_READ);
    permissions.add(PosixFilePermission.OWNER_WRITE);
    return new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(permissions)};
  }
}
