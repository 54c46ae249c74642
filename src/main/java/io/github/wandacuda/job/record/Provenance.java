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
 * removing parts. Two equal runs write the same bytes, so it holds no time, path, host or backend.
 *
 * <p>A record that was read is of the right form, and no more: what its values say is checked where
 * the weights are, so each may be missing there.
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
   * Returns the values that the weights depend on. A model card is none of them: what is unfinished
   * can be ended with or without one, and what is finished stays as it is.
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

  /** Returns a record of what a run writes; what is null is left out. */
  static Provenance of(Map<String, Object> values) {
    return STRUCTURE.equals(values.get("mode"))
        ? new RemovalRecord(values)
        : new PruningRecord(values);
  }

  /**
   * Returns the record of a run that pruned weights, which its fingerprint has shown this to be.
   */
  default PruningRecord ofPruning() {
    return (PruningRecord) this;
  }

  /** Returns the record of a run that removed parts, which its fingerprint has shown this to be. */
  default RemovalRecord ofRemoval() {
    return (RemovalRecord) this;
  }

  /** Returns what the result depends on, for a report, without what is said of each module. */
  default Map<String, Object> origin() {
    Map<String, Object> origin = cause();
    List.of("format", "version", RulesRecord.SHARES, MODULES).forEach(origin::remove);
    parts().ifPresent(first -> origin.put(SMALLER, first.value(STRUCTURE)));
    return origin;
  }

  /**
   * Returns the digests of the tensors whose weights were fitted, by name; none where nothing was
   * fitted, and in the record of a version that didn't write them.
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

  /** Returns what a key holds, or null. */
  default Object value(String key) {
    return values().get(key);
  }

  default byte[] json() {
    return (JsonText.of(values()) + "\n").getBytes(StandardCharsets.UTF_8);
  }

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
