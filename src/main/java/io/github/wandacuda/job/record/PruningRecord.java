package io.github.wandacuda.job.record;

import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.ThisRuntime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * How weights were pruned.
 *
 * @param values by the keys in the file, in their order; what is null is left out
 */
public record PruningRecord(Map<String, Object> values) implements Provenance {
  public PruningRecord {
    values = RecordForm.ordered(values);
  }

  /**
   * Returns what is known before anything is pruned.
   *
   * @param modules those that will be
   * @param source the source's digest
   */
  public static PruningRecord planned(
      PruneRequest request, List<LinearModule> modules, String source) {
    PruningRules rules = request.rules();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("format", FORMAT);
    values.put("version", ThisRuntime.programVersion());
    values.put("mode", rules.update() ? UPDATE : MASK);
    values.putAll(RulesRecord.of(rules).values());
    values.put("allocation", request.allocation());
    values.put("masks_sha256", request.masks().map(in -> in.sha256().get()).orElse(null));
    values.put(SMALLER, request.smaller().map(first -> first.record().values()).orElse(null));
    values.put("family_sha256", RecordSources.familyDigest(request.files().get(FAMILY)));
    values.put(CARD, request.card() ? true : null);
    values.put("include", texts(request.choice().include()));
    values.put("exclude", texts(request.choice().exclude()));
    values.put("unreached", rules.needNorms() ? rules.unreached().label() : null);
    values.put(FILES, RecordSources.names(request.files()));
    values.putAll(RecordSources.calibration(request.calibration()));
    values.put("source_sha256", source);
    values.put(
        MODULES, modules.stream().map(LinearModule::name).sorted(TensorNames.NATURAL).toList());
    values.put(ELEMENTS, modules.stream().mapToLong(LinearModule::elements).sum());
    values.put(PRUNED, 0L);
    values.put(ZEROS, 0L);
    return new PruningRecord(values);
  }

  /**
   * Returns the record with what became of the modules.
   *
   * @param masks the digest of their masks, or null if it isn't known yet
   */
  public PruningRecord with(List<ModuleResult> results, String masks) {
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.put(PRUNED, results.stream().mapToLong(ModuleResult::pruned).sum());
    all.put(ZEROS, results.stream().mapToLong(ModuleResult::zeros).sum());
    all.put(MASKS, masks);
    all.put(KEPT, kept(results));
    return new PruningRecord(all);
  }

  @Override
  public PruningRecord withFitted(Map<String, String> digests) {
    return new PruningRecord(RecordForm.withFitted(values, digests));
  }

  /** Returns what was done in a sentence, if the output is to say so of itself. */
  public Optional<String> description() {
    return hasCard()
        ? Optional.of(
            "Weights zeroed by %s (%s), by wanda-cuda."
                .formatted(rules().label(), rules().amount()))
        : Optional.empty();
  }

  private List<String> kept(List<ModuleResult> results) {
    if (!Unreached.KEEP.label().equals(unreached())) {
      return null;
    }
    List<String> kept = Unreached.in(results).stream().sorted(TensorNames.NATURAL).toList();
    return kept.isEmpty() ? null : kept;
  }

  private static List<String> texts(List<Pattern> patterns) {
    return patterns.stream().map(Pattern::pattern).toList();
  }

  @Override
  public Map<String, Object> cause() {
    Map<String, Object> cause = new LinkedHashMap<>(values);
    List.of(FILES, CARD, ELEMENTS, PRUNED, ZEROS, MASKS, KEPT, FITTED_SHA256)
        .forEach(cause::remove);
    parts().ifPresent(first -> cause.put(SMALLER, first.causeOfPruning()));
    return cause;
  }

  @Override
  @SuppressWarnings("unchecked") // Its form says so.
  public Optional<RemovalRecord> parts() {
    return Optional.ofNullable((Map<String, Object>) value(SMALLER)).map(RemovalRecord::new);
  }

  /** Returns what is done to modules that no sample reached, or null if no norms are used. */
  public String unreached() {
    return text("unreached");
  }

  public List<String> modules() {
    return texts(MODULES);
  }

  public long elements() {
    return count(ELEMENTS);
  }

  public long pruned() {
    return count(PRUNED);
  }

  public long zeros() {
    return count(ZEROS);
  }

  private long count(String key) {
    return (long) values.getOrDefault(key, 0L);
  }

  public String maskSha256() {
    return text(MASKS);
  }

  /** Returns names of the unreached modules that were kept unchanged, or null if there are none. */
  public List<String> kept() {
    return texts(KEPT);
  }

  public ModuleChoice choice() {
    return new ModuleChoice(patterns("include"), patterns("exclude"));
  }

  private List<Pattern> patterns(String key) {
    List<String> texts = texts(key);
    return texts == null ? List.of() : texts.stream().map(NamePatterns::compile).toList();
  }

  public PruningRules rules() {
    if (modules() == null) {
      Map<String, Object> done = new LinkedHashMap<>(values);
      done.keySet().retainAll(RecordForm.METHOD_KEYS);
      Object stages = values.get(RulesRecord.STAGES);
      throw new UsageException(
          "expected modules and one of method and stages, found %s, %s, %s"
              .formatted(null, stages == null ? done : null, stages));
    }
    return new RulesRecord(values)
        .rules(
            kept() == null ? Unreached.MAGNITUDE : Unreached.KEEP,
            kept() == null ? Set.of() : Set.copyOf(kept()));
  }

  private String text(String key) {
    return (String) value(key);
  }

  @SuppressWarnings("unchecked") // Its form says so.
  private List<String> texts(String key) {
    return (List<String>) value(key);
  }
}
