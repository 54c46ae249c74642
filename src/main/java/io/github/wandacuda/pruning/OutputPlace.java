package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.AtomicWrite;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** Checks that a place can become the output of a model, before anything is written there. */
final class OutputPlace {
  private OutputPlace() {}

  /**
   * Checks a place.
   *
   * @param resume whether an interrupted or finished run may be there
   * @throws UsageException if something else is there, or it lies inside the model or around it
   */
  static void check(Path directory, Path model, boolean resume) {
    Path output = resolved(directory);
    Path source = resolved(model);
    if (output.startsWith(source) || source.startsWith(output)) {
      throw new UsageException(
          "%s: the output can't be %s the model's directory %s"
              .formatted(directory, output.startsWith(source) ? "inside" : "around", model));
    }
    if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      if (!Files.isDirectory(directory)) {
        throw new UsageException(directory + ": the output exists and is no directory");
      }
      if (!resume) {
        requireEmpty(directory);
      }
    }
  }

  /** Returns whether a run has finished in a place, so that nothing is going to be written. */
  static boolean isFinished(Path directory) {
    return Files.exists(directory.resolve(SideFiles.MANIFEST)) && !Journal.isIn(directory);
  }

  /** Returns a path with the links in its existing part followed. */
  private static Path resolved(Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    try {
      return absolute.toRealPath();
    } catch (IOException e) {
      Path parent = absolute.getParent();
      return parent == null ? absolute : resolved(parent).resolve(absolute.getFileName());
    }
  }

  /** Requires that nothing is in a directory, and tells an interrupted run from other things. */
  private static void requireEmpty(Path directory) {
    if (Journal.isIn(directory)) {
      // Says so if another run has it locked, which is then at work.
      Journal.open(directory).close();
      throw holdsInterruptedRun(directory);
    }
    if (!entries(directory).isEmpty()) {
      throw new UsageException(
          directory + ": the output directory exists and is not empty; name another one");
    }
  }

  /** Returns the refusal to begin anew where an interrupted run can go on. */
  static UsageException holdsInterruptedRun(Path directory) {
    return new UsageException(
        directory + ": the output holds an interrupted run; --resume goes on with it");
  }

  /**
   * Requires that a directory without a journal holds nothing but what a run makes, of which no
   * more than a part may be there: only then may a run write over it.
   *
   * @param own the files that the run makes, relative to the directory
   */
  static void requireOwn(Path directory, Set<Path> own) {
    List<Path> entries = entries(directory);
    if (entries.contains(Path.of(SideFiles.CONFIG))) {
      throw new UsageException(
          "%s: holds a model that no interrupted run has left: expected a journal or %s beside %s"
              .formatted(directory, SideFiles.MANIFEST, SideFiles.CONFIG));
    }
    for (Path entry : entries) {
      boolean made = own.stream().anyMatch(file -> file.startsWith(entry));
      if (!made && !entry.toString().startsWith(AtomicWrite.OWN)) {
        throw new UsageException(
            "%s: is no part of this run's output, which has no journal; nothing was written over it"
                .formatted(Printable.of(directory.resolve(entry))));
      }
    }
  }

  private static List<Path> entries(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(Path::getFileName).toList();
    } catch (IOException e) {
      throw new OutputException(
          "%s: can't be read: %s"
              .formatted(Printable.of(directory), Printable.of(String.valueOf(e.getMessage()))),
          e);
    }
  }
}
