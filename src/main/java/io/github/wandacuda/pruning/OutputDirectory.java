package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.AtomicWrite;
import io.github.wandacuda.checkpoint.Folders;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory that a pruned model is written to. From its first moment until the model is
 * complete it has a {@link Journal}; in the end {@code wanda-cuda.json} takes the journal's place
 * and then its own name, so that at every moment the directory is either plainly unfinished or
 * finished, with nothing else left in it.
 *
 * <p>Closing it keeps what is there, for another run to go on with, unless it was {@link #discard
 * discarded}.
 */
final class OutputDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OutputDirectory.class);

  private final Path directory;
  private final Deque<Path> files = new ArrayDeque<>();
  private final Deque<Path> folders = new ArrayDeque<>();
  private Journal journal;
  private Optional<Provenance> finished = Optional.empty();
  private Optional<RunRecords> interrupted = Optional.empty();
  private boolean discarded;

  private OutputDirectory(Path directory) {
    this.directory = directory;
  }

  /**
   * Makes the directory, or opens the one that an earlier run has left, and locks other runs out.
   *
   * @param resume whether an earlier run may be there
   * @param own the files that the run makes, relative to the directory
   * @throws io.github.wandacuda.error.UsageException if the place is taken
   * @throws OutputException if it can't be made
   */
  static OutputDirectory open(Path directory, Path model, boolean resume, Set<Path> own) {
    OutputPlace.check(directory, model, resume);
    OutputDirectory output = new OutputDirectory(directory);
    try {
      output.makeDirectories(directory);
      output.look(resume, own);
      return output;
    } catch (RuntimeException | Error e) {
      output.folders.forEach(OutputDirectory::delete);
      output.close();
      throw e;
    }
  }

  private void look(boolean resume, Set<Path> own) {
    if (!Journal.isIn(directory)) {
      finished = resume ? Provenance.read(directory) : finished;
      if (finished.isPresent()) {
        return;
      }
      OutputPlace.requireOwn(directory, own);
    }
    journal = Journal.open(directory);
    finished = provenance(journal.content());
    if (finished.isPresent()) {
      // The earlier run was stopped between its last two steps.
      journal.rename(directory.resolve(Provenance.FILE_NAME));
      return;
    }
    interrupted = RunRecords.read(journal.records());
    if (interrupted.isPresent() && !resume) {
      throw OutputPlace.holdsInterruptedRun(directory);
    }
  }

  /** Returns what took the journal's place, if that has happened. */
  private Optional<Provenance> provenance(byte[] content) {
    if (content.length == 0 || content[0] != '{') {
      return Optional.empty();
    }
    try {
      return Optional.of(
          Provenance.read(new ByteArrayInputStream(content), directory.resolve(Journal.FILE_NAME)));
    } catch (IOException | InputException e) {
      LOG.debug("{} is no finished record", journal.file(), e);
      return Optional.empty();
    }
  }

  Path path() {
    return directory;
  }

  /** Returns what a finished run has said about itself, if there is one. */
  Optional<Provenance> finished() {
    return finished;
  }

  /** Returns what an interrupted run has left, if there is one. */
  Optional<RunRecords> interrupted() {
    return interrupted;
  }

  /** Returns the journal, which there is unless the directory is finished. */
  Journal journal() {
    return journal;
  }

  /** Returns the path of a file that is about to be made, its folder made already. */
  Path file(String relative) {
    Path file = directory.resolve(relative);
    makeDirectories(file.getParent());
    files.push(file);
    files.push(AtomicWrite.temporary(file));
    return file;
  }

  private void makeDirectories(Path wanted) {
    if (wanted == null || Files.isDirectory(wanted)) {
      return;
    }
    makeDirectories(wanted.getParent());
    try {
      Files.createDirectory(wanted);
      folders.push(wanted);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(wanted)) {
        throw new OutputException(wanted + ": expected a directory, found something else", e);
      }
    } catch (IOException e) {
      throw unwritable(wanted, e);
    }
  }

  /** Copies one of the files that go along with the model. */
  void copy(SideFiles sideFiles, Path relative) {
    file(relative.toString());
    sideFiles.copy(relative, directory);
  }

  /** Removes a file that is needed no longer. */
  void remove(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  /** Writes the last file and declares the model complete. */
  void finish(Provenance provenance) {
    Folders.force(directory);
    journal.becomes(provenance.json(), directory.resolve(Provenance.FILE_NAME));
  }

  private static OutputException unwritable(Path file, IOException e) {
    return new OutputException("%s: can't be written: %s".formatted(file, reason(file, e)), e);
  }

  private static String reason(Path file, IOException e) {
    String message = e.getMessage() == null ? "" : e.getMessage();
    String reason = message.replace(file.toString(), "").replaceFirst("^[: ]+", "");
    String kind = e.getClass().getSimpleName().replace("Exception", "");
    return reason.isEmpty() ? kind : reason;
  }

  /** Says that what is there is of no use, and is to be taken away. */
  void discard() {
    discarded = true;
  }

  @Override
  public void close() {
    if (discarded) {
      files.forEach(OutputDirectory::delete);
      // Last of all files: as long as any is left, the directory is plainly unfinished.
      delete(journal.file());
      folders.forEach(OutputDirectory::delete);
    }
    if (journal != null) {
      journal.close();
    }
  }

  /** What can't be removed stays; without config.json nothing takes it for a model. */
  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      LOG.debug("{} can't be removed", path, e);
    }
  }
}
