package io.github.wandacuda.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/** What a Unix tells of a file without following a link: whose it is and who may write to it. */
final class FileEntry {
  private static final int ANYBODY_WRITES = 0002;
  private static final int GROUP_WRITES = 0020;
  private static final int PERMISSIONS = 07777;

  private final int owner;
  private final int mode;
  private final Path target;

  /**
   * An entry of a folder.
   *
   * @param owner the number of the user whom it belongs to
   * @param mode its permissions
   * @param target where a link leads to, as it is written there; null if it is none
   */
  FileEntry(int owner, int mode, Path target) {
    this.owner = owner;
    this.mode = mode & PERMISSIONS;
    this.target = target;
  }

  /** The entry at a path; null if there is none. */
  static FileEntry at(Path path) throws IOException {
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

  int owner() {
    return owner;
  }

  Path target() {
    return target;
  }

  /**
   * Who beside the owner may change it, or null if nobody. An access control list that lets others
   * write shows in the group's permissions. The sticky bit of a folder doesn't help: it keeps
   * others from taking away what is there, not from adding to it. A link has no permissions.
   */
  String writers() {
    if (target != null || (mode & (ANYBODY_WRITES | GROUP_WRITES)) == 0) {
      return null;
    }
    String who = (mode & ANYBODY_WRITES) != 0 ? "anybody" : "its group";
    return who + " may write to it, mode " + String.format("%04o", mode);
  }
}
