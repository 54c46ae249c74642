package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileIdentity;
import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Walks a model directory for {@link SideFiles}. Links are followed, also those to folders; one
 * that {@link FileIdentity#requireInside} doesn't allow is an error.
 */
final class SideFileVisitor extends SimpleFileVisitor<Path> {
  private static final Logger LOG = LoggerFactory.getLogger(SideFileVisitor.class);

  /** Folders that link to each other can spell exponentially many paths without a loop. */
  private static final int MOST_ENTRIES = 100_000;

  /** Folders that hold no part of a model: what git and the Hub's downloads keep for themselves. */
  static final Set<String> SKIPPED_FOLDERS = Set.of(".git", ".cache");

  private final Path directory;
  private final Path output;

  /** Files that a run writes by itself: the shards and the run's record. */
  private final Set<Path> own = new HashSet<>();

  /** The index and its shards, where a single file is used in their place. */
  private final Set<Path> unused = new HashSet<>();

  /** The identities of files that were checked already, since several links may lead to one. */
  private final Set<Object> inside = new HashSet<>();

  /** What is copied, relative to the directory, in no order. */
  final List<Path> files = new ArrayList<>();

  /** What isn't copied though it is no file of a run, relative to the directory, in no order. */
  final List<Path> leftOut = new ArrayList<>();

  private int entries;

  /**
   * Prepares a walk through the directory of a model.
   *
   * @param output the directory of the copy, which is passed over if it is inside
   */
  SideFileVisitor(Checkpoint checkpoint, Path output) {
    this.directory = checkpoint.directory();
    this.output = output;
    checkpoint.shards().forEach(shard -> own.add(shard.path()));
    own.add(directory.resolve(SideFiles.MANIFEST));
    Path index = directory.resolve(Checkpoint.INDEX);
    if (checkpoint.index().isEmpty() && Files.exists(index)) {
      unused.add(index);
      shardsOf(index).forEach(name -> unused.add(directory.resolve(name)));
    }
  }

  private static Set<String> shardsOf(Path index) {
    try {
      return CheckpointIndex.read(index).shards();
    } catch (InputException e) {
      LOG.warn("ignored index: {}", e.getMessage());
      return Set.of();
    }
  }

  /**
   * Finds {@link #files} and {@link #leftOut}; called once.
   *
   * @throws InputException if a folder can't be read, a link leads out of the model, or there are
   *     too many files
   */
  void walk() {
    try {
      Files.walkFileTree(
          directory, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, this);
    } catch (IOException e) {
      throw InputException.unreadable(directory, "a model directory", e);
    }
  }

  @Override
  public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
      throws IOException {
    count();
    if (folder.equals(directory)) {
      return FileVisitResult.CONTINUE;
    }
    if (SKIPPED_FOLDERS.contains(folder.getFileName().toString()) || isRuns(folder)) {
      leaveOut(folder);
      return FileVisitResult.SKIP_SUBTREE;
    }
    requireInside(folder, attributes);
    boolean isOutput = Files.exists(output) && Files.isSameFile(folder, output);
    return isOutput ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
  }

  /** Returns whether a folder has a name that a run uses for files of its own. */
  private boolean isRuns(Path folder) {
    return folder.getFileName().toString().startsWith(AtomicWrite.OWN)
        || folder.equals(directory.resolve(SideFiles.MANIFEST));
  }

  @Override
  public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
    count();
    if (own.contains(file) || file.getFileName().toString().startsWith(AtomicWrite.OWN)) {
      return FileVisitResult.CONTINUE;
    }
    boolean skipped = SKIPPED_FOLDERS.contains(file.getFileName().toString());
    if (!attributes.isRegularFile()
        || skipped
        || unused.contains(file)
        || SideFiles.areOtherWeights(file)) {
      leaveOut(file);
    } else {
      requireInside(file, attributes);
      files.add(directory.relativize(file));
    }
    return FileVisitResult.CONTINUE;
  }

  @Override
  public FileVisitResult visitFileFailed(Path file, IOException failure) {
    if (failure instanceof FileSystemLoopException) {
      leaveOut(file);
      return FileVisitResult.CONTINUE;
    }
    throw InputException.unreadable(file, "a file that goes along with the model", failure);
  }

  private void requireInside(Path path, BasicFileAttributes attributes) {
    Object key = attributes.fileKey();
    if (key == null || inside.add(key)) {
      FileIdentity.requireInside(directory, path);
    }
  }

  private void leaveOut(Path path) {
    leftOut.add(directory.relativize(path));
  }

  private void count() {
    entries++;
    if (entries > MOST_ENTRIES) {
      throw ErrorDetails.file(directory)
          .wrong("a model directory with at most %d files".formatted(MOST_ENTRIES), "more");
    }
  }
}
