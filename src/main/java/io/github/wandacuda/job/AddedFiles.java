package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.ExtraFiles;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.AtomicWrite;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files in an output that its run doesn't write.
 *
 * @param source what the run prunes
 * @param sideFiles what it copies
 */
record AddedFiles(Checkpoint source, SideFiles sideFiles, OutputDirectory output) {
  private static final Logger LOG = LoggerFactory.getLogger(AddedFiles.class);

  /**
   * The output holds a file that the run didn't write and that a program would load. What the run
   * wrote is right.
   */
  public static final class Found extends VerificationException {
    private static final long serialVersionUID = 1L;

    private Found(Path file) {
      super(
          ErrorDetails.file(file)
              .expected("nothing, as in the source", "a file that this run did not write")
              .hint("take it away and run the same again with `resume`"));
    }
  }

  /**
   * Checks the directory before anything is written.
   *
   * @throws io.github.wandacuda.error.UsageException if it has a file that a program would load
   */
  public void requireNoneBefore() {
    firstLoaded()
        .ifPresent(
            file -> {
              throw OutputPlace.foreign(output.path().resolve(file));
            });
  }

  /**
   * Checks the finished directory as {@code verify} does; files that no program would load are told
   * of.
   *
   * @throws Found if it has a file that a program would load
   */
  public void requireNoneAfter() {
    firstLoaded()
        .ifPresent(
            file -> {
              throw new Found(output.path().resolve(file));
            });
    all()
        .others()
        .forEach(
            file ->
                LOG.warn(
                    "{} stands in the output, and this run did not write it",
                    Printable.of(output.path().resolve(file))));
  }

  /** Removes temporary files of killed runs that this run didn't reuse. */
  public void removeLeftovers() {
    all().loaded().stream()
        .filter(AddedFiles::isRuns)
        .map(output.path()::resolve)
        .filter(file -> !file.equals(output.journal().file()))
        .forEach(OutputDirectory::removeFile);
  }

  private Optional<Path> firstLoaded() {
    return all().loaded().stream().filter(file -> !isRuns(file)).findFirst();
  }

  private ExtraFiles all() {
    return ExtraFiles.of(source, sideFiles, output.path());
  }

  private static boolean isRuns(Path file) {
    return AtomicWrite.isTemporary(file);
  }
}
