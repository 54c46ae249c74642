package io.github.wandacuda.job.output;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Fingerprint;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Recognizes a directory with an unfinished run when it is given as a model: the unfinished output
 * of {@code prune} or of packing, or a model of which a part is pruned in place.
 */
public final class UnfinishedRun {
  private UnfinishedRun() {}

  /** Returns whether a run has begun in a directory and not ended there. */
  public static boolean isIn(Path directory) {
    return Files.exists(directory.resolve(Journal.FILE_NAME), LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Checks that no run is unfinished in a directory.
   *
   * @throws io.github.wandacuda.error.InputException if one is; it says which run, and what to do
   */
  public static void requireNone(Path directory) {
    if (isIn(directory)) {
      throw new InputException(describe(directory));
    }
  }

  /** Returns what is unfinished in a directory, and what to do about it. */
  public static ErrorDetails describe(Path directory) {
    if (isInPlace(directory)) {
      return noModel(
          directory,
          "one of which a part is pruned: a run in place was interrupted or is at work",
          "run the same 'wanda-cuda prune' again with `in-place` to end it");
    }
    Optional<String> parts = ofRun(directory, Fingerprint.PARTS);
    Optional<String> packing = ofRun(directory, Fingerprint.PACKING);
    if (packing.isEmpty() && parts.isPresent()) {
      return noModel(
          directory,
          "one that prune writes in %s parts".formatted(Printable.of(parts.get())),
          "run those that have not ended");
    }
    return noModel(
        directory,
        "an unfinished output of %s: a run was interrupted or is at work there"
            .formatted(Printable.of(packing.orElse("prune"))),
        "run the same 'wanda-cuda %s' again with `resume` to finish it"
            .formatted(Printable.of(packing.orElse("prune"))));
  }

  private static ErrorDetails noModel(Path directory, String found, String hint) {
    return ErrorDetails.file(directory).expected("a model", found).hint(hint);
  }

  /**
   * Returns a part of the fingerprint of a directory's run.
   *
   * @param part the part's name
   * @return nothing if there is no run, or its fingerprint has no such part
   */
  static Optional<String> ofRun(Path directory, String part) {
    return Journal.firstRecord(directory)
        .map(first -> first.path("run").path(part))
        .filter(JsonNode::isTextual)
        .map(JsonNode::textValue);
  }

  private static boolean isInPlace(Path directory) {
    Optional<JsonNode> first = Journal.firstRecord(directory);
    // Before its first record a run in place has changed nothing, and an output has no config.
    return first.isPresent()
        ? first.get().path("run").has(Fingerprint.IN_PLACE)
        : Files.exists(directory.resolve(SideFiles.CONFIG));
  }
}
