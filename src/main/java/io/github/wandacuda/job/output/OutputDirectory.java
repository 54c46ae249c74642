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
 * The directory that a pruned model is written to. It has a {@link Journal} until the model is
 * complete. At the end {@code wanda-cuda.json} replaces the journal and then gets its own name, or
 * the journal is removed, so at every moment the directory is either recognizably unfinished, or
 * finished without temporary files.
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

  /** Whether the record of the finished run stands in the journal's place yet. */
  private boolean lacksLastStep;

  private OutputDirectory(Path directory, SideFiles sideFiles, Checkpoint shards) {
    this.directory = directory;
    this.sideFiles = sideFiles;
    this.cardFront = CardFront.read(sideFiles);
    this.shards = shards;
  }

  /** The output, which is right, has a file of others that a program would load. */
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
   * @param sideFiles the model's files that go along with the shards
   * @param shards those that the run makes, in whatever files they are yet
   */
  public static OutputDirectory open(
      Path directory, SideFiles sideFiles, Checkpoint shards, boolean resume) {
    OutputPlace.check(directory, sideFiles.directory(), resume);
    OutputDirectory output = new OutputDirectory(directory, sideFiles, shards);
    try {
      output.makeRoot();
      output.look(resume);
      return output;
    } catch (RuntimeException | Error e) {
      if (output.journalIsNew && output.journal != null) {
        // An interrupt, say: a journal without records would stand for an interrupted run.
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
      OutputPlace.requireOwn(directory, own);
    }
    journalIsNew = !UnfinishedRun.isIn(directory);
    journal = Journal.open(directory);
    OutputPlace.requirePlain(directory, own);
    finished = journal.finished();
    if (finished.isPresent()) {
      lacksLastStep = true;
      return;
    }
    interrupted = RunRecords.read(journal.records());
    if (interrupted.isPresent() && !resume) {
      throw OutputPlace.holdsInterruptedRun(directory);
    }
  }

  public Path path() {
    return directory;
  }

  /**
   * Does the last step of an earlier run that was stopped before it, unless what it wrote has been
   * damaged since: then this run begins again.
   *
   * @param check returns what is wrong with the output by the record of the earlier run, or nothing
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

  public Optional<Provenance> finished() {
    return finished;
  }

  public Optional<RunRecords> interrupted() {
    return interrupted;
  }

  /** Begins a run's journal, or checks that it is the run that was interrupted here. */
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

  /** Returns the path of a file that is about to be made, and makes its folder. */
  public Path file(Path relative) {
    Path file = directory.resolve(relative);
    makeFolders(relative.getParent());
    files.push(file);
    files.push(AtomicWrite.temporary(file));
    return file;
  }

  /** Makes the directory and its parents, which may be links. */
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

  /** Makes folders inside the directory, where links are refused. */
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

  public void copy(Path relative) {
    file(sideFiles.name(relative));
    sideFiles.copy(relative, directory);
  }

  public static void removeFile(Path file) {
    OutputException.writing(file, () -> Files.deleteIfExists(file));
  }

  /**
   * Writes the model card, if there is to be one, and the last file, by which the model is
   * complete. What the run could be ended from again goes when its content is there.
   */
  public void finish(ModelDirectory source, Provenance provenance) {
    ModelCard.write(source, sideFiles, cardFront, this, provenance);
    Folders.force(directory);
    journal.succeed(
        provenance.json(), FileModes.like(sideFiles.directory().resolve(SideFiles.CONFIG)));
    removeLeftovers();
    journal.rename(directory.resolve(Provenance.FILE_NAME));
  }

  /** Checks, before anything is written, that there is no file that its run doesn't write. */
  public void requireNoneAdded() {
    firstAdded()
        .ifPresent(
            file -> {
              throw OutputPlace.foreign(directory.resolve(file));
            });
  }

  /**
   * Copies the files that go along with the shards, but for the last ones, and checks the directory
   * as {@code verify} does; tells of files that nothing loads.
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

  /** Removes temporary files of killed runs that this run didn't reuse. */
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

  /** Ends the journal of a run that leaves no record of itself; the model is complete then. */
  public void finish() {
    Folders.force(directory);
    journal.remove();
  }

  /**
   * Keeps what a run has finished when it fails, so that another one can go on, unless its input is
   * broken or its output wrong: then nothing is worth keeping.
   */
  public void settle(Throwable failure) {
    Optional<WandaException> behind = RealCause.behind(failure);
    if (behind.orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; what is finished of %s is kept: run the same again with `resume` to go on"
              .formatted(directory),
          failure);
    }
    if (behind.isEmpty() && isInputsOrOutputsFault(failure)) {
      discard();
      return;
    }
    LOG.warn("{}: what is finished is kept for a run that resumes", directory);
    RealCause.throwIfBehind(failure);
  }

  /**
   * Tells a broken input or a wrong output, after which nothing is worth keeping, from a file that
   * couldn't be read and may be readable the next time.
   */
  private static boolean isInputsOrOutputsFault(Throwable e) {
    return (e instanceof InputException && !(e.getCause() instanceof IOException))
        || e instanceof UsageException
        || (e instanceof VerificationException && !(e instanceof AddedFile));
  }

  /** Has {@link #close} delete all files that the run has made. */
  public void discard() {
    discarded = true;
  }

  @Override
  public void close() {
    if (discarded) {
      files.forEach(OutputDirectory::delete);
      // The last of all files, so that the directory is unfinished as long as any other exists.
      delete(journal.file());
      folders.forEach(OutputDirectory::delete);
    }
    if (journal != null) {
      journal.close();
    }
  }

  /** A file that can't be removed is left; without config.json the directory is no model. */
  public static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      LOG.debug("{} can't be removed", path, e);
    }
  }
}
