package io.github.wandacuda.job.output;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.io.checkpoint.SideFiles;
import io.github.wandacuda.job.record.Journal;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RunRecords;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
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
public final class OutputDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OutputDirectory.class);

  private final Path directory;
  private final Path model;
  private final Deque<Path> files = new ArrayDeque<>();
  private final Deque<Path> folders = new ArrayDeque<>();
  private Journal journal;
  private Optional<Provenance> finished = Optional.empty();
  private Optional<RunRecords> interrupted = Optional.empty();
  private boolean discarded;

  private OutputDirectory(Path directory, Path model) {
    this.directory = directory;
    this.model = model;
  }

  /**
   * Makes the directory, or opens the one that an earlier run has left, and locks other runs out.
   * Who may read the model's may read it, see {@link FileModes}.
   *
   * @param model the directory of the model that it is a copy of
   * @param resume whether an earlier run may be there
   * @param own the files that the run makes, relative to the directory
   * @throws io.github.wandacuda.error.UsageException if the place is taken
   * @throws OutputException if it can't be made
   */
  public static OutputDirectory open(Path directory, Path model, boolean resume, Set<Path> own) {
    OutputCheck.check(directory, model, resume);
    OutputDirectory output = new OutputDirectory(directory, model);
    try {
      output.makeRoot();
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
      OutputCheck.requireOwn(directory, own);
    }
    journal = Journal.open(directory);
    OutputCheck.requirePlain(directory, own);
    finished = journal.finished();
    if (finished.isPresent()) {
      // The earlier run was stopped between its last two steps.
      journal.rename(directory.resolve(Provenance.FILE_NAME));
      return;
    }
    interrupted = RunRecords.read(journal.records());
    if (interrupted.isPresent() && !resume) {
      throw OutputCheck.holdsInterruptedRun(directory);
    }
  }

  public Path path() {
    return directory;
  }

  /** Returns what a finished run has said about itself, if there is one. */
  public Optional<Provenance> finished() {
    return finished;
  }

  /** Returns what an interrupted run has left, if there is one. */
  public Optional<RunRecords> interrupted() {
    return interrupted;
  }

  /** Returns the journal, which there is unless the directory is finished. */
  public Journal journal() {
    return journal;
  }

  /** Returns the path of a file that is about to be made, its folder made already. */
  public Path file(Path relative) {
    Path file = directory.resolve(relative);
    makeFolders(relative.getParent());
    files.push(file);
    files.push(AtomicWrite.temporary(file));
    return file;
  }

  /** Makes the directory itself, below folders that the user may have linked. */
  private void makeRoot() {
    makeAbove(directory.getParent());
    if (!Files.isDirectory(directory)) {
      make(directory, FileModes.likeFolder(model));
    }
  }

  private void makeAbove(Path wanted) {
    if (wanted != null && !Files.isDirectory(wanted)) {
      makeAbove(wanted.getParent());
      make(wanted);
    }
  }

  /** Makes folders inside of the directory, where nothing is written through a link. */
  private void makeFolders(Path relative) {
    if (relative == null) {
      return;
    }
    makeFolders(relative.getParent());
    Path wanted = directory.resolve(relative);
    if (!Files.isDirectory(wanted, LinkOption.NOFOLLOW_LINKS)) {
      make(wanted, FileModes.likeFolder(model.resolve(relative)));
    }
  }

  private void make(Path wanted, FileAttribute<?>... attributes) {
    try {
      Files.createDirectory(wanted, attributes);
      folders.push(wanted);
      Folders.forceParent(wanted);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(wanted, LinkOption.NOFOLLOW_LINKS)) {
        throw new OutputException(
            ErrorDetails.file(wanted)
                .expected("a directory", Files.isSymbolicLink(wanted) ? "a link" : "something else")
                .hint("take it away"),
            e);
      }
    } catch (IOException e) {
      throw OutputException.unwritable(wanted, e);
    }
  }

  /** Copies one of the files that go along with the model. */
  public void copy(SideFiles sideFiles, Path relative) {
    file(relative);
    sideFiles.copy(relative, directory);
  }

  /** Removes a file that is needed no longer. */
  public void remove(Path file) {
    removeFile(file);
  }

  /** Removes a file of a run, wherever it is. */
  public static void removeFile(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Writes the last file and declares the model complete. */
  public void finish(Provenance provenance) {
    Folders.force(directory);
    journal.becomes(
        provenance.json(),
        directory.resolve(Provenance.FILE_NAME),
        FileModes.like(model.resolve(SideFiles.CONFIG)));
  }

  /** Says that what is there is of no use, and is to be taken away. */
  public void discard() {
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
