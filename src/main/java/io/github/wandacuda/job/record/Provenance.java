package io.github.wandacuda.job.record;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.pruning.recipe.PruningRules;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The content of {@code wanda-cuda.json}: how a directory was made, by pruning weights or by
 * removing parts. Two equal runs write the same bytes, so it has no time, path, host or backend.
 *
 * <p>Of a record that was read, only the form is checked. Its values are checked where the weights
 * are, so any of them may be missing.
 */
public sealed interface Provenance extends Serializable permits PruningRecord, RemovalRecord {
  String FILE_NAME = SideFiles.MANIFEST;

  String FORMAT = "wanda-cuda.provenance.v1";

  /** The mode of a run that keeps the bits of every kept weight. */
  String MASK = "mask";

  /** The mode of a run that changes kept weights too. */
  String UPDATE = "update";

  /** The mode of a run that removes whole parts and keeps the bits of all others. */
  String STRUCTURE = "structure";

  String SCORE = "score";
  String REMOVED = "removed";
  String CONFIG = "config";

  /** Tensors whose weights are fitted to what is left of a module; see {@link RemovalRecord}. */
  String FITTED = "fitted";

  /** The SHA-256 of each tensor whose weights were fitted, as it stands in the output. */
  String FITTED_SHA256 = "fitted_sha256";

  String SHARD_SIZE = "shard_size";

  /** The record of the run that removed parts, of whose smaller model weights were pruned then. */
  String SMALLER = "smaller";

  /** The names of the files that the run read beside the model, by what they are. */
  String FILES = "files";

  String CARD = "card";

  /** The key, in {@link #FILES}, of the file that describes the model's family. */
  String FAMILY = "family";

  /** The key, in {@link #FILES}, of the recipe that says what is done. */
  String RECIPE = "recipe";

  String MODULES = RulesRecord.MODULES;
  String ELEMENTS = "elements";
  String PRUNED = "pruned";
  String ZEROS = "zeros";
  String MASKS = "mask_sha256";
  String KEPT = "kept";

  /** Returns the values by the keys in the file, in their order. */
  Map<String, Object> values();

  /**
   * Returns the values on which the weights depend. A model card isn't one of them: an unfinished
   * run can be resumed with or without one, and a finished output stays as it is.
   */
  Map<String, Object> cause();

  /** Returns the record of the run that removed parts: this one, one before it, or nothing. */
  Optional<RemovalRecord> parts();

  /**
   * Returns the record with the digests of the tensors whose weights were fitted.
   *
   * @param digests by the tensors' names, empty where nothing was fitted
   */
  Provenance withFitted(Map<String, String> digests);

  /**
   * Returns the record of what a run writes.
   *
   * @param values by their keys; those that are null are left out
   */
  static Provenance of(Map<String, Object> values) {
    return STRUCTURE.equals(values.get("mode"))
        ? new RemovalRecord(values)
        : new PruningRecord(values);
  }

  /**
   * Returns this as the record of a run that pruned weights. The caller knows from its fingerprint
   * that it is.
   */
  default PruningRecord ofPruning() {
    return (PruningRecord) this;
  }

  /**
   * Returns this as the record of a run that removed parts. The caller knows from its fingerprint
   * that it is.
   */
  default RemovalRecord ofRemoval() {
    return (RemovalRecord) this;
  }

  /**
   * Returns the values on which the result depends, for a report, without those about each module.
   */
  default Map<String, Object> origin() {
    Map<String, Object> origin = cause();
    List.of("format", "version", RulesRecord.SHARES, MODULES).forEach(origin::remove);
    parts().ifPresent(first -> origin.put(SMALLER, first.value(STRUCTURE)));
    return origin;
  }

  /**
   * Returns the digests of the tensors whose weights were fitted, by name.
   *
   * @return empty if nothing was fitted, or a version that didn't write them has written the record
   */
  @SuppressWarnings("unchecked") // Its form says so.
  default Map<String, String> fittedDigests() {
    return (Map<String, String>) values().getOrDefault(FITTED_SHA256, Map.of());
  }

  /** Returns the digests of those tensors that are among others, by name. */
  default Map<String, String> fittedDigests(Set<String> among) {
    Map<String, String> digests = new LinkedHashMap<>(fittedDigests());
    digests.keySet().retainAll(among);
    return digests;
  }

  default boolean hasCard() {
    return Boolean.TRUE.equals(value(CARD));
  }

  default String version() {
    return (String) value("version");
  }

  default String sourceSha256() {
    return (String) value("source_sha256");
  }

  /** Returns the value of a key, or null. */
  default Object value(String key) {
    return values().get(key);
  }

  default byte[] json() {
    return (JsonText.of(values()) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads the record in a directory.
   *
   * @return nothing if the directory has none
   * @throws InputException if it isn't of the right form
   */
  static Optional<Provenance> read(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try (InputStream in = InputFile.stream(file)) {
      return Optional.of(read(in, file));
    } catch (IOException e) {
      throw InputException.unreadable(file, e);
    }
  }

  /**
   * Reads a record.
   *
   * @param file the path, for messages
   * @throws InputException if it isn't of the right form
   */
  static Provenance read(InputStream in, Path file) throws IOException {
    try {
      Provenance record = of(RecordForm.read(JsonTree.read(in)));
      if (record instanceof PruningRecord pruning) {
        PruningRules unused = pruning.rules();
      }
      record.parts().ifPresent(first -> first.structure().ifPresent(first::removed));
      return record;
    } catch (JsonProcessingException e) {
      throw notOurs(file, e.getOriginalMessage().lines().findFirst().get(), e);
    } catch (InputException | UsageException e) {
      throw notOurs(file, e.getMessage(), e);
    }
  }

  private static InputException notOurs(Path file, String why, Exception cause) {
    return ErrorDetails.file(file)
        .hint("take the file back from where the model was pruned, or prune again")
        .broken("not what this tool writes: " + why.replace("`", ""), cause);
  }
}
