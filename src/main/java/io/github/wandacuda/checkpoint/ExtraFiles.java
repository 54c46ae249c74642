package io.github.wandacuda.checkpoint;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/** Finds files of a directory that are none of those that should be there. */
public final class ExtraFiles {
  /** Enough to be told of. */
  private static final int MOST = 100;

  private ExtraFiles() {}

  /**
   * Returns the first files that aren't known, relative to the directory and in code-point order;
   * links count as files, {@code .git} and {@code .cache} are passed over.
   *
   * @param known paths relative to the directory
   * @throws io.github.wandacuda.error.InputException if a folder can't be read
   */
  public static List<Path> in(Path directory, Set<Path> known) {
    List<Path> extra = new ArrayList<>();
    try {
      Files.walkFileTree(
          directory,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
              boolean skipped =
                  !folder.equals(directory)
                      && SideFileVisitor.SKIPPED_FOLDERS.contains(folder.getFileName().toString());
              return skipped ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              Path relative = directory.relativize(file);
              if (!known.contains(relative)) {
                extra.add(relative);
              }
              return extra.size() < MOST ? FileVisitResult.CONTINUE : FileVisitResult.TERMINATE;
            }
          });
    } catch (IOException e) {
      throw Malformed.unreadable(directory, "a model directory", e);
    }
    extra.sort(Comparator.comparing(Path::toString, TensorNames.ORDER));
    return extra;
  }
}
