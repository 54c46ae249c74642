package io.github.wandacuda.launcher.trust;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Checks that only root and the user can have made the file at a path or can replace it: each
 * folder on the way, each link and the folders on its way must belong to one of the two, and
 * neither a group nor anybody else may write to them. Where this holds nobody else can exchange
 * anything between the check and the use.
 */
public final class TrustedPaths {
  /** How many links are followed, as many as Linux follows. */
  private static final int MOST_LINKS = 40;

  private static final int ROOT = 0;

  /** Deeper than the folders of any JDK. */
  private static final int DEEPEST = 20;

  private static final String UNKNOWN = "it can't be looked at";

  /** A view of the file system. */
  public interface View {
    /** Returns the entry at a path; null if there is none. */
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
  public TrustedPaths(View view, int user) {
    this(view, user, false);
  }

  private TrustedPaths(View view, int user, boolean belowSticky) {
    this.view = view;
    this.user = user;
    this.belowSticky = belowSticky;
  }

  /** Returns a check of the file system for the user of this process. */
  public static TrustedPaths ofThisProcess() {
    boolean told = FileSystems.getDefault().supportedFileAttributeViews().contains("unix");
    return told ? new TrustedPaths(FileEntry::at, OwnUser.get()) : new TrustedPaths(null, ROOT);
  }

  /**
   * Returns a check for what this program itself makes, which may be below a folder with the sticky
   * bit, such as {@code /tmp}: there others can't rename what isn't theirs. On the way it also
   * trusts folders of users that this container doesn't have, as its root may be one.
   */
  public TrustedPaths evenBelowSticky() {
    return new TrustedPaths(view, user, true);
  }

  /** Returns why a path isn't trusted; null if it is, or if nothing is there. */
  public String objection(Path path) {
    if (!path.isAbsolute()) {
      return "it is no absolute path";
    }
    try {
      return view == null ? null : objectionOnTheWay(path);
    } catch (IOException unknown) {
      return UNKNOWN;
    }
  }

  /** Returns why a directory or anything in it isn't trusted; null if all is. */
  public String objectionWithin(Path directory) {
    String objection = objection(directory);
    if (objection != null || view == null) {
      return objection;
    }
    try {
      Finder finder = new Finder();
      Set<FileVisitOption> links = EnumSet.of(FileVisitOption.FOLLOW_LINKS);
      Files.walkFileTree(directory, links, DEEPEST, finder);
      return finder.objection;
    } catch (IOException unknown) {
      return UNKNOWN;
    }
  }

  /** Looks for the first file that isn't trusted. */
  private final class Finder extends SimpleFileVisitor<Path> {
    private String objection;

    private FileVisitResult look(Path path) {
      objection = objection(path);
      return objection == null ? FileVisitResult.CONTINUE : FileVisitResult.TERMINATE;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
      return look(directory);
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      return look(file);
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
      return PrintableText.printable(path) + " belongs to user " + entry.owner();
    }
    if (entry.writers() != null && !(made && entry.isSticky())) {
      return PrintableText.printable(path) + ": " + entry.writers();
    }
    harmless.put(path, entry);
    return null;
  }
}
