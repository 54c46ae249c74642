package io.github.wandacuda.job.record;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Structure;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How whole parts of a model were removed.
 *
 * @param values by the keys in the file, in their order; what is null is left out
 */
public record RemovalRecord(Map<String, Object> values) implements Provenance {
  /** What is known of scores or norms, which nothing in the result shows. */
  private static final List<String> ORIGIN =
      List.of(
          "samples", "sequence_length", "seed", "join", "calibration_sha256", "statistics_sha256");

  public RemovalRecord {
    values = RecordForm.ordered(values);
  }

  @Override
  public RemovalRecord withFitted(Map<String, String> digests) {
    return new RemovalRecord(RecordForm.withFitted(values, digests));
  }

  @Override
  public Map<String, Object> cause() {
    Map<String, Object> cause = new LinkedHashMap<>(values);
    List.of(FILES, CARD, FITTED, FITTED_SHA256).forEach(cause::remove);
    // How many channels and heads go is asked for, which of them is a result.
    structure()
        .ifPresent(kind -> cause.computeIfPresent(REMOVED, (key, all) -> removed(kind).asked()));
    return cause;
  }

  /** Returns what the weights depend on that are pruned of the smaller model. */
  Map<String, Object> causeOfPruning() {
    Map<String, Object> cause = new LinkedHashMap<>(values);
    List.of(FITTED_SHA256, CARD).forEach(cause::remove);
    return cause;
  }

  @Override
  public Optional<RemovalRecord> parts() {
    return Optional.of(this);
  }

  /** Returns the keys whose values neither the weights nor the source prove. */
  public List<String> unproven() {
    List<String> keys = new ArrayList<>(List.of("version", SCORE, FITTED));
    keys.addAll(ORIGIN);
    keys.retainAll(values.keySet());
    return keys;
  }

  /** Returns what kind of parts a run removed; nothing if it isn't known. */
  public Optional<Structure> structure() {
    return Stream.of(Structure.values())
        .filter(known -> known.label().equals(value(STRUCTURE)))
        .findFirst();
  }

  public RemovedParts removed(Structure kind) {
    return RemovedParts.read(kind, value(REMOVED));
  }

  /** Returns what is left of a model without the parts that the record says, as it was planned. */
  public Checkpoint smaller(ModelDirectory model) {
    return removed(structure().orElseThrow()).plan(model).checkpoint(shardBytes());
  }

  /**
   * Returns how many bytes a file has at most that has more than one tensor.
   *
   * @throws io.github.wandacuda.error.InputException if the record doesn't say it
   */
  public long shardBytes() {
    if (value(SHARD_SIZE) instanceof Number bytes) {
      return bytes.longValue();
    }
    throw ErrorDetails.of(SHARD_SIZE).wrong("a number of bytes", "none");
  }

  /** Returns the names of the tensors that a run fitted to what it left. */
  @SuppressWarnings("unchecked") // Its form says so.
  public List<String> fitted() {
    return (List<String>) values.getOrDefault(FITTED, List.of());
  }
}
