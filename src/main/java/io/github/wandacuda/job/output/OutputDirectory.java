package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.ExtraFiles;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.RealCause;
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
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory to which a pruned model is written. It has a {@link Journal} until the model is
 * complete. At the end {@code wanda-cuda.json} replaces the journal and then gets its own name, or
 * the journal is removed. So at every moment the directory is either recognizably unfinished, or
 * finished and without temporary files.
 *
 * <p>{@link #close} keeps the files, so that another run can resume, unless {@link #discard} was
 * called.
 */
public final class OutputDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OutputDirectory.class);

  private final Path directory;
  private final SideFiles sideFiles;
  private final CardFront cardFront;
  private final Checkpoint shards;
  private final Deque<Path> files = new ArrayDeque<>();
  private final Deque<Path> folders = new ArrayDeque<>();
  private Journal journal;
  private boolean journalIsNew;
  private Optional<Provenance> finished = Optional.empty();
  private Optional<RunRecords> interrupted = Optional.empty();
  private boolean discarded;

  /** Whether the record of the finished run is still in the journal's place. */
  private boolean lacksLastStep;

  private OutputDirectory(Path directory, SideFiles sideFiles, Checkpoint shards) {
    this.directory = directory;
    this.sideFiles = sideFiles;
    this.cardFront = CardFront.read(sideFiles);
    this.shards = shards;
  }

  /**
   * The failure of an output that is right, but beside whose files somebody has put one that a
   * program would load.
   */
  private static final class AddedFile extends VerificationException {
    private static final long serialVersionUID = 1L;

    AddedFile(Path file) {
      super(
          ErrorDetails.file(file)
              .expected("nothing, as in the source", "a file that this run did not write")
              .hint("take it away and run the same again with `resume`"));
    }
  }

  /**
   * Makes the directory, or opens that of an earlier run, and locks it against other runs. It gets
   * the modes of the model's directory, see {@link FileModes}.
   *
   * @param directory is created if it is missing
   * @param sideFiles the model's files that go along with the shards
   * @param shards those that the run makes, in whatever files they are yet
   * @param resume whether an earlier run may be there
   * @throws io.github.wandacuda.error.UsageException if something else is there, or another run is
   *     at work in it
   * @throws io.github.wandacuda.error.OutputException if it can't be created
   */
  public static OutputDirectory open(
      Path directory, SideFiles sideFiles, Checkpoint shards, boolean resume) {
    OutputPrecheck.check(directory, sideFiles.directory(), resume);
    OutputDirectory output = new OutputDirectory(directory, sideFiles, shards);
    try {
      output.makeRoot();
      output.look(resume);
      return output;
    } catch (RuntimeException | Error e) {
      if (output.journalIsNew && output.journal != null) {
        // After an interrupt, for instance: a journal without records would look like an
        // interrupted run.
        delete(output.journal.file());
      }
      output.folders.forEach(OutputDirectory::delete);
      output.close();
      throw e;
    }
  }

  private void look(boolean resume) {
    Set<Path> own = sideFiles.withShards(shards);
    if (!UnfinishedRun.isIn(directory)) {
      finished = resume ? Provenance.read(directory) : finished;
      if (finished.isPresent()) {
        return;
      }
      OutputPrecheck.requireOwn(directory, own);
    }
    journalIsNew = !UnfinishedRun.isIn(directory);
    journal = Journal.open(directory);
    OutputPrecheck.requirePlain(directory, own);
    finished = journal.finished();
    if (finished.isPresent()) {
      lacksLastStep = true;
      return;
    }
    interrupted = RunRecords.read(journal.records());
    if (interrupted.isPresent() && !resume) {
      throw OutputPrecheck.holdsInterruptedRun(directory);
    }
  }

  /** Returns the directory's path, as it was given. */
  public Path path() {
    return directory;
  }

  /**
   * Takes the last step of an earlier run that was stopped before it. If what that run wrote has
   * been damaged since, this run begins again instead.
   *
   * @param check returns what is wrong with the output, by the record of the earlier run, or
   *     nothing
   */
  public void endEarlier(Function<Provenance, Optional<String>> check) {
    if (!lacksLastStep) {
      return;
    }
    removeLeftovers();
    Optional<String> wrong = check.apply(finished.get());
    lacksLastStep = false;
    if (wrong.isEmpty()) {
      journal.rename(directory.resolve(Provenance.FILE_NAME));
      return;
    }
    LOG.warn(
        "{}: a run was stopped before its last step, and what it wrote is wrong: {}; it begins again",
        Printable.of(directory),
        wrong.get());
    finished = Optional.empty();
  }

  /** Returns the record of an earlier run that has finished here. */
  public Optional<Provenance> finished() {
    return finished;
  }

  /** Returns what an interrupted run has recorded here. */
  public Optional<RunRecords> interrupted() {
    return interrupted;
  }

  /**
   * Begins a run's journal, or checks that this is the run that was interrupted here.
   *
   * @throws io.github.wandacuda.error.UsageException if another run was interrupted here
   */
  public void begin(Fingerprint run) {
    if (interrupted.isPresent()) {
      run.requireSame(directory, interrupted.get().run());
    } else {
      journal.restart(RunRecords.run(run));
    }
  }

  /** Returns the journal, or null if the directory is finished. */
  public Journal journal() {
    return journal;
  }

  /**
   * Registers a file that is about to be written, for {@link #discard}, and creates its folder.
   *
   * @param relative its path in the directory
   * @return its path
   */
  public Path file(Path relative) {
    Path file = directory.resolve(relative);
    makeFolders(relative.getParent());
    files.push(file);
    files.push(AtomicWrite.temporary(file));
    return file;
  }

  /** Creates the directory and its parents, which may be links. */
  private void makeRoot() {
    makeAbove(directory.getParent());
    if (!Files.isDirectory(directory)) {
      make(directory, FileModes.likeFolder(sideFiles.directory()));
    }
  }

  private void makeAbove(Path wanted) {
    if (wanted != null && !Files.isDirectory(wanted)) {
      makeAbove(wanted.getParent());
      make(wanted);
    }
  }

  /** Creates folders inside the directory, where links are refused. */
  private void makeFolders(Path relative) {
    if (relative == null) {
      return;
    }
    makeFolders(relative.getParent());
    Path wanted = directory.resolve(relative);
    if (!Files.isDirectory(wanted, LinkOption.NOFOLLOW_LINKS)) {
      make(wanted, FileModes.likeFolder(sideFiles.directory().resolve(relative)));
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

  /**
   * Copies a file that goes along with the shards.
   *
   * @param relative its path in the model's directory
   */
  public void copy(Path relative) {
    file(sideFiles.name(relative));
    sideFiles.copy(relative, directory);
  }

  /**
   * Removes a file, if it is there.
   *
   * @throws io.github.wandacuda.error.OutputException if it can't be removed
   */
  public static void removeFile(Path file) {
    OutputException.writing(file, () -> Files.deleteIfExists(file));
  }

  /**
   * Writes the model card, if one is wanted, and the last file, with which the model is complete.
   * Files from which the run could be resumed are removed once that file's content is there.
   *
   * @param source the model that was pruned
   * @param provenance the content of the last file
   */
  public void finish(ModelDirectory source, Provenance provenance) {
    ModelCard.write(source, sideFiles, cardFront, this, provenance);
    Folders.force(directory);
    journal.succeed(
        provenance.json(), FileModes.like(sideFiles.directory().resolve(SideFiles.CONFIG)));
    removeLeftovers();
    journal.rename(directory.resolve(Provenance.FILE_NAME));
  }

  /**
   * Checks that the directory has no file that the run doesn't write. To be called before anything
   * is written.
   *
   * @throws io.github.wandacuda.error.UsageException if it has one that a program would load
   */
  public void requireNoneAdded() {
    firstAdded()
        .ifPresent(
            file -> {
              throw OutputPrecheck.foreign(directory.resolve(file));
            });
  }

  /**
   * Copies the files that go along with the shards, except those that make the model complete, and
   * checks the directory as {@code verify} does. Warns of files that nothing loads.
   *
   * @throws VerificationException if somebody has added a file that a program would load
   */
  public void copyFiles() {
    sideFiles.files().forEach(this::copy);
    firstAdded()
        .ifPresent(
            file -> {
              throw new AddedFile(directory.resolve(file));
            });
    extraFiles()
        .others()
        .forEach(
            file ->
                LOG.warn(
                    "{} stands in the output, and this run did not write it",
                    Printable.of(directory.resolve(file))));
  }

  /** Removes temporary files of killed runs that this run hasn't reused. */
  private void removeLeftovers() {
    extraFiles().loaded().stream()
        .filter(AtomicWrite::isTemporary)
        .map(directory::resolve)
        .filter(file -> !file.equals(journal.file()))
        .forEach(OutputDirectory::removeFile);
  }

  private Optional<Path> firstAdded() {
    return extraFiles().loaded().stream()
        .filter(file -> !AtomicWrite.isTemporary(file))
        .findFirst();
  }

  private ExtraFiles extraFiles() {
    return ExtraFiles.of(shards, sideFiles, directory);
  }

  /** Ends the journal of a run that leaves no record of itself. The model is complete then. */
  public void finish() {
    Folders.force(directory);
    journal.remove();
  }

  /**
   * Decides what a failed run leaves. What it has finished is kept, so that another run can go on;
   * unless the input is broken or the output wrong, when all of it is discarded.
   *
   * @param failure why the run failed
   */
  public void settle(Throwable failure) {
    settle(directory, failure, this::discard);
  }

  /**
   * Decides what a failed run leaves, likewise.
   *
   * @param output the directory or file that it was writing
   * @param discard removes what it has written
   */
  public static void settle(Path output, Throwable failure, Runnable discard) {
    Optional<WandaException> behind = RealCause.behind(failure);
    if (behind.orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; what is finished of %s is kept: run the same again with `resume` to go on"
              .formatted(output),
          failure);
    }
    if (behind.isEmpty() && isInputsOrOutputsFault(failure)) {
      discard.run();
      return;
    }
    LOG.warn("{}: what is finished is kept for a run that resumes", output);
    RealCause.throwIfBehind(failure);
  }

  /**
   * Returns whether a failure means that the input is broken or the output wrong, and not that a
   * file couldn't be read this time.
   */
  private static boolean isInputsOrOutputsFault(Throwable e) {
    return (e instanceof InputException && !(e.getCause() instanceof IOException))
        || e instanceof UsageException
        || (e instanceof VerificationException && !(e instanceof AddedFile));
  }

  /** Makes {@link #close} delete all files that the run has written. */
  public void discard() {
    discarded = true;
  }

  @Override
  public void close() {
    if (discarded) {
      files.forEach(OutputDirectory::delete);
      // Deleted last, so that the directory is unfinished as long as any other file exists.
      delete(journal.file());
      folders.forEach(OutputDirectory::delete);
    }
    if (journal != null) {
      journal.close();
    }
  }

  /**
   * Deletes a file or an empty folder, if possible. If that fails it is left; without config.json
   * the directory is no model.
   */
  public static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      LOG.debug("{} can't be removed", path, e);
    }
  }
}
