package io.github.wandacuda.system;

import io.github.wandacuda.error.Printable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Checks that only root and the user can have made the file at a path or can replace it: each
 * folder on the way, each link and the folders on its way must belong to one of the two, and
 * neither a group nor anybody else may write to them. Where this holds nobody else can exchange
 * anything between the check and the use.
 */
final class TrustedPaths {
  /** How many links are followed, as many as Linux follows. */
  private static final int MOST_LINKS = 40;

  private static final int ROOT = 0;

  /** Deeper than the folders that this program makes. */
  private static final int DEEPEST = 20;

  private static final String UNKNOWN = "it can't be looked at";

  /** A view of the file system, which tests replace. */
  interface View {
    /**
     * Returns the entry at a path, without following a link there.
     *
     * @return null if there is none
     */
    FileEntry at(Path path) throws IOException;
  }

  private final View view;
  private final int user;
  private final boolean belowSticky;
  private final Map<Path, FileEntry> harmless = new HashMap<>();

  /**
   * Creates a check.
   *
   * @param view the file system; null if it has neither owners nor permissions
   * @param user the id of the user whose files are trusted beside root's
   */
  TrustedPaths(View view, int user) {
    this(view, user, false);
  }

  private TrustedPaths(View view, int user, boolean belowSticky) {
    this.view = view;
    this.user = user;
    this.belowSticky = belowSticky;
  }

  /** Returns a check of the file system for the user of this process. */
  static TrustedPaths ofThisProcess() {
    boolean told = FileSystems.getDefault().supportedFileAttributeViews().contains("unix");
    return told ? new TrustedPaths(FileEntry::at, OwnUser.get()) : new TrustedPaths(null, ROOT);
  }

  /**
   * Returns a check for files that this program itself makes. They may be below a folder with the
   * sticky bit, such as {@code /tmp}, where others can't rename files that aren't theirs. Folders
   * on the way may also belong to a user whom this container doesn't have, as the container's root
   * folder may.
   */
  TrustedPaths evenBelowSticky() {
    return new TrustedPaths(view, user, true);
  }

  /**
   * Returns why a path isn't trusted, for people.
   *
   * @return null if it is trusted, or if nothing is there
   */
  String objection(Path path) {
    if (!path.isAbsolute()) {
      return "it is no absolute path";
    }
    try {
      return view == null ? null : objectionOnTheWay(path);
    } catch (IOException unknown) {
      return UNKNOWN;
    }
  }

  /**
   * Returns why a directory or anything in it isn't trusted, for people.
   *
   * @return null if all of it is trusted
   */
  String objectionWithin(Path directory) {
    String objection = objection(directory);
    if (objection != null || view == null) {
      return objection;
    }
    try (Stream<Path> all = Files.walk(directory, DEEPEST, FileVisitOption.FOLLOW_LINKS)) {
      return all.map(this::objection).filter(Objects::nonNull).findFirst().orElse(null);
    } catch (IOException | UncheckedIOException unknown) {
      return UNKNOWN;
    }
  }

  private String objectionOnTheWay(Path path) throws IOException {
    Path at = path.getRoot();
    Deque<Path> ahead = new ArrayDeque<>();
    pushAll(path, ahead);
    String objection = objection(at, entry(at), !ahead.isEmpty());
    int links = 0;
    while (objection == null && !ahead.isEmpty()) {
      Path next = at.resolve(ahead.pop()).normalize();
      FileEntry entry = entry(next);
      if (entry == null) {
        return null;
      }
      objection = objection(next, entry, !ahead.isEmpty());
      if (entry.target() == null) {
        at = next;
        continue;
      }
      links++;
      if (links > MOST_LINKS) {
        return "its links lead nowhere";
      }
      at = entry.target().isAbsolute() ? path.getRoot() : at;
      pushAll(entry.target(), ahead);
    }
    return objection;
  }

  private static void pushAll(Path path, Deque<Path> ahead) {
    for (int i = path.getNameCount() - 1; i >= 0; i--) {
      ahead.push(path.getName(i));
    }
  }

  private FileEntry entry(Path path) throws IOException {
    FileEntry known = harmless.get(path);
    return known == null ? view.at(path) : known;
  }

  private String objection(Path path, FileEntry entry, boolean onTheWay) {
    boolean made = belowSticky && onTheWay;
    if (entry.owner() != ROOT
        && entry.owner() != user
        && !(made && OwnUser.isOfNobodyHere(entry.owner()))) {
      return Printable.of(path) + " belongs to user " + entry.owner();
    }
    if (entry.writers() != null && !(made && entry.isSticky())) {
      return Printable.of(path) + ": " + entry.writers();
    }
    harmless.put(path, entry);
    return null;
  }

  /**
   * A file's owner and permissions on Unix, without following a link.
   *
   * @param owner the user id of its owner
   * @param mode its permissions; other bits are left out
   * @param target the target of a link as it is stored; null if it is no link
   */
  record FileEntry(int owner, int mode, Path target) {
    private static final int ANYBODY_WRITES = 0002;
    private static final int GROUP_WRITES = 0020;
    private static final int PERMISSIONS = 07777;
    private static final int STICKY = 01000;

    FileEntry {
      mode &= PERMISSIONS;
    }

    /**
     * Returns the entry at a path, without following a link there.
     *
     * @return null if there is none
     */
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

    /**
     * Returns whether it is a folder in which others can't rename or delete files that aren't
     * theirs.
     */
    boolean isSticky() {
      return (mode & STICKY) != 0;
    }

    /**
     * Returns who besides the owner may change the file.
     *
     * <p>An access control list that lets others write shows in the group's permissions. The sticky
     * bit of a folder isn't enough, since it stops others from deleting files but not from adding
     * some. A link has no permissions.
     *
     * @return null if nobody may
     */
    String writers() {
      if (target != null || (mode & (ANYBODY_WRITES | GROUP_WRITES)) == 0) {
        return null;
      }
      String who = (mode & ANYBODY_WRITES) != 0 ? "anybody" : "its group";
      return who + " may write to it, mode " + String.format("%04o", mode);
    }
  }
}
