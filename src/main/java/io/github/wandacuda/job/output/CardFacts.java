package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.Verdict;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.Structure;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The numbers and words of a model card.
 *
 * @param source the model that was pruned
 * @param record of the run that pruned it
 */
record CardFacts(ModelDirectory source, Provenance record) {
  /** The record's keys that tell a reader of the card something, and their names on the card. */
  private static final Map<String, String> NAMES = names();

  private static Map<String, String> names() {
    Map<String, String> names = new LinkedHashMap<>();
    for (String same :
        List.of("method", "sparsity", "pattern", "scope", "refine", "update", "allocation")) {
      names.put(same, same);
    }
    names.put(Provenance.STRUCTURE, "parts removed");
    names.put(Provenance.SCORE, "what went was chosen by");
    names.put("samples", "calibration samples");
    names.put("sequence_length", "tokens a sample");
    names.put("seed", "seed of the samples");
    names.put("calibration_sha256", "SHA-256 of the samples' tokens");
    names.put("statistics_sha256", "SHA-256 of the statistics");
    names.put("source_sha256", "SHA-256 of the source");
    names.put(Provenance.MASKS, "SHA-256 of the masks");
    return names;
  }

  /** Returns the card's first sentence, without measurements. */
  Verdict verdict() {
    if (!(record instanceof PruningRecord pruning)) {
      Sizes known = sizes().orElseThrow();
      return Verdict.ofParts(known.went(), known.parametersBefore(), known.parametersAfter());
    }
    String methods =
        Stream.of(MethodKey.METHOD, MethodKey.REFINE, MethodKey.UPDATE)
            .map(key -> record.value(key.recordKey()))
            .filter(Objects::nonNull)
            .map(Object::toString)
            .collect(Collectors.joining("+"));
    return Verdict.ofZeros(
        methods.isEmpty() ? "a recipe" : methods, pruning.zeros(), pruning.elements());
  }

  /**
   * Returns the rows of the card's table.
   *
   * @param measured perplexities to add, if there are any
   */
  String rows(Optional<ModelCard.Measured> measured) {
    Map<String, String> rows = new LinkedHashMap<>();
    sizes()
        .ifPresentOrElse(
            sizes -> sizes.addTo(rows),
            () -> {
              rows.put("parameters", Verdict.number(source.parameters()) + ", as before");
              rows.put("bytes", Verdict.number(source.checkpoint().totalBytes()) + ", as before");
            });
    measured.ifPresent(
        both ->
            rows.put(
                "perplexity on " + both.text(),
                "%.4f before, %.4f after".formatted(both.before(), both.after())));
    Map<String, Object> values = new LinkedHashMap<>(record.values());
    record.parts().ifPresent(first -> first.values().forEach(values::putIfAbsent));
    NAMES.forEach(
        (key, name) -> {
          if (values.get(key) != null) {
            rows.put(name, Printable.of(values.get(key).toString()));
          }
        });
    return rows.entrySet().stream()
        .map(row -> "| %s | %s |".formatted(cell(row.getKey()), cell(row.getValue())))
        .collect(Collectors.joining("\n"));
  }

  private static String cell(String text) {
    return Printable.of(text).replace("|", "\\|");
  }

  /** Returns the sizes of a run that removed parts, if this build knows what it removed. */
  private Optional<Sizes> sizes() {
    return record
        .parts()
        .filter(first -> first.structure().isPresent())
        .map(first -> Sizes.of(source, first));
  }

  /**
   * The sizes of a model before and after parts were removed.
   *
   * @param counts for each kind of parts, how many there were and are
   * @param went a phrase for each kind
   * @param parametersBefore the source's number of weights
   * @param parametersAfter the result's number of weights
   * @param bytesBefore of the source's tensors
   * @param bytesAfter of the result's tensors
   */
  private record Sizes(
      Map<String, String> counts,
      List<String> went,
      long parametersBefore,
      long parametersAfter,
      long bytesBefore,
      long bytesAfter) {
    static Sizes of(ModelDirectory source, RemovalRecord first) {
      RemovedParts removed = first.removed(first.structure().orElseThrow());
      Checkpoint smaller = first.smaller(source);
      Map<String, String> counts = new LinkedHashMap<>();
      Map<String, Integer> sizes = new LinkedHashMap<>();
      for (Structure kind : removed.kinds().keySet()) {
        int size = kind.find(source).size();
        sizes.put(kind.label(), size);
        counts.put(
            kind.parts() + (kind == Structure.BLOCKS ? "" : " a block"),
            "%d to %d".formatted(size, size - removed.count(kind)));
      }
      return new Sizes(
          counts,
          Verdict.went(removed, sizes),
          source.parameters(),
          removed.plan(source).opened(smaller).parameters(),
          source.checkpoint().totalBytes(),
          smaller.totalBytes());
    }

    void addTo(Map<String, String> rows) {
      rows.putAll(counts);
      rows.put("parameters", Verdict.change(parametersBefore, parametersAfter));
      rows.put("bytes", Verdict.change(bytesBefore, bytesAfter));
    }
  }
}
