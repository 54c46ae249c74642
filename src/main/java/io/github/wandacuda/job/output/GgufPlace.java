package io.github.wandacuda.job.output;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.gguf.GgufParts;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Provenance;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The places of a model that is written in GGUF: its file or the parts of a split one, the names
 * that these have until they are complete, and the record of the run. A run that removes parts
 * writes the record first and completes the first part last, and one that zeroes weights has a
 * journal beside the file until it ends. So a record without its file, and a journal, are an
 * interrupted run's.
 *
 * @param file the model, if it is a single file; parts and the record have names after it
 */
public record GgufPlace(Path file) {
  private static final String PARTIAL = ".part";

  /** Returns the places of a model by its single file or any part. */
  public static GgufPlace of(Path written) {
    return new GgufPlace(GgufParts.single(written));
  }

  /** Returns the name of one of the files until it is complete. */
  public static Path partial(Path file) {
    return beside(file, PARTIAL);
  }

  /** Returns the file that says what was done. */
  public Path record() {
    return beside(file, "." + Provenance.FILE_NAME);
  }

  /** Returns the journal of a run that zeroes weights, which is there until it ends. */
  public Path journal() {
    return Journal.beside(file);
  }

  /** Returns the temporary file of masks that wait to be digested. */
  public Path masks() {
    return beside(file, MaskDigest.SPILL);
  }

  /** Returns the name of the single file until it is complete. */
  public Path partial() {
    return partial(file);
  }

  /** Returns whether the single file is complete. */
  public boolean isFinished() {
    return exists(file);
  }

  /** Returns the file under the name that it has now: its own, or that of an unfinished one. */
  public Path current() {
    return isFinished() ? file : partial();
  }

  private static Path beside(Path file, String ending) {
    return file.resolveSibling(file.getFileName() + ending);
  }

  /**
   * Returns whether all files are complete.
   *
   * @param files the first part first
   */
  public static boolean isFinished(List<Path> files) {
    return exists(files.getFirst());
  }

  private static boolean exists(Path file) {
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
   * @param files what it will write, as far as that is known
   * @param resume whether an earlier run may have
   * @throws io.github.wandacuda.error.UsageException if something else is here, or an earlier run
   *     was and this one isn't to go on with it
   */
  public void check(List<Path> files, boolean resume) {
    if (Files.isDirectory(file)) {
      throw ErrorDetails.file(file)
          .refused("a file for the output, since the model is one", "a folder");
    }
    if (!of(file).equals(this)) {
      throw ErrorDetails.file(file)
          .hint("name it " + of(file).file.getFileName())
          .refused("the name of a single file; parts get theirs by it", "that of a part");
    }
    boolean recorded = exists(record());
    boolean written = exists(file) || files.stream().anyMatch(GgufPlace::exists);
    if (written && !(resume && recorded)) {
      throw ErrorDetails.file(file).refused("the output exists");
    }
    if ((recorded || isJournaled()) && !resume) {
      throw ErrorDetails.file(file)
          .hint("`resume` goes on with it")
          .refused("no run before this one", "what one has left");
    }
  }

  private boolean isJournaled() {
    return Files.exists(journal(), LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Checks that an earlier run, if there was one, is this one.
   *
   * @param run what this run's output depends on
   * @throws io.github.wandacuda.error.UsageException if it is another one
   */
  public void requireSame(Fingerprint run) {
    Journal.firstRecordOf(journal())
        .map(first -> first.path("run"))
        .filter(JsonNode::isObject)
        .ifPresent(there -> run.requireSame(file, Fingerprint.of(there)));
    found().ifPresent(there -> run.requireSame(file, Fingerprint.of(there)));
  }
}
