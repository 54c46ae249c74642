package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Provenance;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Checks that a directory can become a run's output, before anything is written to it. */
public final class OutputPrecheck {
  private OutputPrecheck() {}

  /**
   * Checks that a directory can become an output: it is empty or missing, and neither inside the
   * model's directory nor around it.
   *
   * @param model the model's directory
   * @param resume whether an earlier run may be there
   * @throws UsageException if it can't
   */
  public static void check(Path directory, Path model, boolean resume) {
    boolean inside = FileIdentity.isWithin(directory, model);
    if (inside || FileIdentity.isWithin(model, directory)) {
      throw ErrorDetails.file(directory)
          .refused(
              "the output can't be %s the model's directory %s"
                  .formatted(inside ? "inside" : "around", model));
    }
    if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      if (!Files.isDirectory(directory)) {
        throw ErrorDetails.file(directory).refused("the output exists and is no directory");
      }
      if (!resume) {
        requireEmpty(directory);
      }
    }
  }

  /**
   * Returns whether a run has finished in a directory, so that a resumed run will write nothing.
   */
  public static boolean isFinished(Path directory) {
    return Files.exists(directory.resolve(SideFiles.MANIFEST)) && !UnfinishedRun.isIn(directory);
  }

  /** Returns the record of the run that has finished in a directory. */
  public static Optional<Provenance> record(Path directory) {
    return UnfinishedRun.isIn(directory) ? Optional.empty() : Provenance.read(directory);
  }

  /**
   * Checks that a directory is empty. The message distinguishes an interrupted run from other
   * files.
   */
  private static void requireEmpty(Path directory) {
    if (UnfinishedRun.isIn(directory)) {
      // Throws if another run is at work and has locked it.
      Journal.open(directory).close();
      throw holdsInterruptedRun(directory);
    }
    if (!entries(directory).isEmpty()) {
      throw ErrorDetails.file(directory)
          .hint("name another one")
          .refused("the output directory exists and is not empty");
    }
  }

  /** Returns the failure of a directory that holds an interrupted run, for the caller to throw. */
  static UsageException holdsInterruptedRun(Path directory) {
    return ErrorDetails.file(directory)
        .hint(wayOn(directory))
        .refused("the output holds an interrupted run");
  }

  private static String wayOn(Path directory) {
    if (Journal.firstRecord(directory).isEmpty() && !SavedSteps.areIn(directory)) {
      // The interrupted run may be that of any command, and not all of them can resume.
      return "it has written nothing: take the directory away";
    }
    return UnfinishedRun.ofRun(directory, Fingerprint.PARTS).isPresent()
        ? "run its parts to go on with it"
        : "`resume` goes on with it";
  }

  /**
   * Checks that a directory without a journal holds only files that a run writes, and not all of
   * them. Only then may a run overwrite them.
   *
   * @param own the files that the run writes, relative to the directory
   * @throws UsageException if it holds others
   */
  static void requireOwn(Path directory, Set<Path> own) {
    List<Path> entries = entries(directory);
    if (entries.contains(Path.of(SideFiles.CONFIG))) {
      throw ErrorDetails.file(directory)
          .refused(
              "holds a model that no interrupted run has left: expected a journal or %s beside %s"
                  .formatted(SideFiles.MANIFEST, SideFiles.CONFIG));
    }
    for (Path entry : entries) {
      boolean made = own.stream().anyMatch(file -> file.startsWith(entry));
      if (!made && !AtomicWrite.isTemporary(entry)) {
        throw foreign(directory.resolve(entry));
      }
    }
  }

  /** Returns the failure of a file that is in the way, for the caller to throw. */
  public static UsageException foreign(Path file) {
    return ErrorDetails.file(file)
        .hint("take it away, or name another directory")
        .refused("is no part of this run's output, and nothing was written over it");
  }

  /**
   * Checks that no link is where a run creates a folder, and no folder where it writes a file: it
   * couldn't or mustn't replace these.
   *
   * @param own the files that the run writes, relative to the directory
   * @throws UsageException if there is one
   */
  static void requirePlain(Path directory, Set<Path> own) {
    for (Path file : own) {
      Path place = directory;
      for (Path name : file.getParent() == null ? List.<Path>of() : file.getParent()) {
        place = place.resolve(name);
        if (Files.exists(place, LinkOption.NOFOLLOW_LINKS)
            && !Files.isDirectory(place, LinkOption.NOFOLLOW_LINKS)) {
          throw inTheWay(
              place, "a folder", Files.isSymbolicLink(place) ? "a link" : "something else");
        }
      }
      requireNoFolder(directory.resolve(file));
      requireNoFolder(AtomicWrite.temporary(directory.resolve(file)));
    }
    requireNoFolder(directory.resolve(SideFiles.MANIFEST));
    entries(directory).stream()
        .filter(AtomicWrite::isTemporary)
        .forEach(entry -> requireNoFolder(directory.resolve(entry)));
  }

  private static void requireNoFolder(Path file) {
    if (!Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      Files.delete(file); // Fails unless it is empty.
    } catch (IOException e) {
      throw inTheWay(file, "a file or nothing", "a folder");
    }
  }

  private static UsageException inTheWay(Path place, String expected, String found) {
    return ErrorDetails.file(place)
        .hint("take it away; nothing was written over it or through it")
        .refused(expected, found);
  }

  private static List<Path> entries(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(Path::getFileName).toList();
    } catch (IOException e) {
      throw new OutputException(
          ErrorDetails.file(directory).said("can't be read: " + Printable.reason(e)), e);
    }
  }
}
