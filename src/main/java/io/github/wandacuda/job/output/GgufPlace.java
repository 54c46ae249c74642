package io.github.wandacuda.job.output;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Provenance;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The places of a model that is written as a file in GGUF: the file, the name that it has until it
 * is complete, and the record of its run, which is written first. So a record without its file is
 * an interrupted run's.
 *
 * @param file the complete model
 */
public record GgufPlace(Path file) {
  private static final String PARTIAL = ".part";

  /** Returns the name of the file until it is complete. */
  public Path partial() {
    return beside(PARTIAL);
  }

  /** Returns the file that says what was done. */
  public Path record() {
    return beside("." + Provenance.FILE_NAME);
  }

  private Path beside(String ending) {
    return file.resolveSibling(file.getFileName() + ending);
  }

  /** Returns whether the file is complete. */
  public boolean isFinished() {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }

  /** Returns the record of the run that has written the file, or begun to; or nothing. */
  public Optional<Provenance> found() {
    Path place = record();
    if (!Files.exists(place)) {
      return Optional.empty();
    }
    return InputFile.reading(
        place,
        () -> {
          try (InputStream in = InputFile.stream(place)) {
            return Optional.of(Provenance.read(in, place));
          }
        });
  }

  /**
   * Checks that a run may write here.
   *
   * @param resume whether an earlier run may have
   * @throws io.github.wandacuda.error.UsageException if something else is here, or an earlier run
   *     was and this one isn't to go on with it
   */
  public void check(boolean resume) {
    if (Files.isDirectory(file)) {
      throw ErrorDetails.file(file)
          .refused("a file for the output, since the model is one", "a folder");
    }
    boolean recorded = Files.exists(record(), LinkOption.NOFOLLOW_LINKS);
    if (isFinished() && !(resume && recorded)) {
      throw ErrorDetails.file(file).refused("the output exists");
    }
    if (recorded && !resume) {
      throw ErrorDetails.file(file)
          .hint("`resume` goes on with it")
          .refused("no run before this one", "what an interrupted one left");
    }
  }

  /**
   * Checks that an earlier run, if there was one, is this one.
   *
   * @param run what this run's output depends on
   * @throws io.github.wandacuda.error.UsageException if it is another one
   */
  public void requireSame(Fingerprint run) {
    found().ifPresent(there -> run.requireSame(file, Fingerprint.of(there)));
  }
}
