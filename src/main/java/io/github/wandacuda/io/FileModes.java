package io.github.wandacuda.io;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/**
 * Who may read what is written. A copy may be read by those who may read its source, as {@code cp}
 * has it: the new file gets the source's mode, less what the user's umask takes away. Its owner may
 * always write it, or it couldn't be gone on with. Where a system has no such modes nothing is set.
 */
public final class FileModes {
  private static final FileAttribute<?>[] NONE = {};

  private FileModes() {}

  /** Returns what a new file gets that nobody else may read. */
  public static FileAttribute<?>[] ownerOnly() {
    // What no POSIX system is, is Windows here.
    return File.separatorChar == '\\' ? NONE : of(EnumSet.noneOf(PosixFilePermission.class));
  }

  /** Returns what a copy of a file gets. */
  public static FileAttribute<?>[] like(Path source) {
    try {
      return of(Files.getPosixFilePermissions(source));
    } catch (IOException | UnsupportedOperationException e) {
      return NONE;
    }
  }

  /** Returns what a copy of a folder gets. */
  public static FileAttribute<?>[] likeFolder(Path source) {
    try {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(source);
      permissions.add(PosixFilePermission.OWNER_EXECUTE);
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
