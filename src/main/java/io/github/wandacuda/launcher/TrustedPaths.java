package io.github.wandacuda.launcher;

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
 * neither a group nor anybody else may write to them.
 */
final class TrustedPaths {
  /** How many links are followed, as many as Linux follows. */
  private static final int MOST_LINKS = 40;

  private static final int ROOT = 0;

  /** Deeper than the folders of any JDK. */
  private static final int DEEPEST = 20;

  private static final String UNKNOWN = "it can't be looked at";

  /** A view of the file system. */
  interface View {
    /** Returns the entry at a path; null if there is none. */
    FileEntry at(Path path) throws IOException;
  }

  private final View view;
  private final int user;
  private final Map<Path, FileEntry> harmless = new HashMap<>();

  /**
   * Creates a check.
   *
   * @param view the file system; null if it has neither owners nor permissions
   * @param user the id of the user whose files are trusted beside root's
   */
  TrustedPaths(View view, int user) {
    this.view = view;
    this.user = user;
  }

  static TrustedPaths ofThisProcess() {
    boolean told = FileSystems.getDefault().supportedFileAttributeViews().contains("unix");
    return told ? new TrustedPaths(FileEntry::at, OwnUser.get()) : new TrustedPaths(null, ROOT);
  }

  /** Returns why a path isn't trusted; null if it is, or if nothing is there. */
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

  /** Returns why a directory or anything in it isn't trusted; null if all is. */
  String objectionWithin(Path directory) {
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
    String objection = objection(at, entry(at));
    Deque<Path> ahead = new ArrayDeque<>();
    pushAll(path, ahead);
    int links = 0;
    while (objection == null && !ahead.isEmpty()) {
      Path next = at.resolve(ahead.pop()).normalize();
      FileEntry entry = entry(next);
      if (entry == null) {
        return null;
      }
      objection = objection(next, entry);
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

  private String objection(Path path, FileEntry entry) {
    if (entry.owner() != ROOT && entry.owner() != user) {
      return PrintableText.printable(path) + " belongs to user " + entry.owner();
    }
    if (entry.writers() != null) {
      return PrintableText.printable(path) + ": " + entry.writers();
    }
    harmless.put(path, entry);
    return null;
  }
}
