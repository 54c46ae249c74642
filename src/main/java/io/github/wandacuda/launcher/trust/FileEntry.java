package io.github.wandacuda.launcher.trust;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/** A file's owner and permissions on Unix, without following a link. */
public final class FileEntry {
  private static final int ANYBODY_WRITES = 0002;
  private static final int GROUP_WRITES = 0020;
  private static final int PERMISSIONS = 07777;
  private static final int STICKY = 01000;

  private final int owner;
  private final int mode;
  private final Path target;

  /**
   * Creates an entry.
   *
   * @param owner the user id of its owner
   * @param mode its permissions
   * @param target the target of a link as it is stored; null if it is no link
   */
  public FileEntry(int owner, int mode, Path target) {
    this.owner = owner;
    this.mode = mode & PERMISSIONS;
    this.target = target;
  }

  /** Returns the entry at a path; null if there is none. */
  public static FileEntry at(Path path) throws IOException {
    try {
      Map<String, Object> told =
          Files.readAttributes(path, "unix:uid,mode,isSymbolicLink", LinkOption.NOFOLLOW_LINKS);
      boolean link = (Boolean) told.get("isSymbolicLink");
      return new FileEntry(
          (Integer) told.get("uid"),
          (Integer) told.get("mode"),
          link ? Files.readSymbolicLink(path) : null);
    } catch (NoSuchFileException none) {
      return null;
    }
  }

  /** Returns whether others can't rename or delete in it what isn't theirs. */
  boolean isSticky() {
    return (mode & STICKY) != 0;
  }

  int owner() {
    return owner;
  }

  /** Returns the target of a link as it is stored; null if it is no link. */
  public Path target() {
    return target;
  }

  /**
   * Returns who besides the owner may change it, or null if nobody may. An access control list that
   * lets others write shows in the group's permissions. The sticky bit of a folder isn't enough: it
   * stops others from deleting files, not from adding some. A link has no permissions.
   */
  String writers() {
    if (target != null || (mode & (ANYBODY_WRITES | GROUP_WRITES)) == 0) {
      return null;
    }
    String who = (mode & ANYBODY_WRITES) != 0 ? "anybody" : "its group";
    return who + " may write to it, mode " + String.format("%04o", mode);
  }
}
