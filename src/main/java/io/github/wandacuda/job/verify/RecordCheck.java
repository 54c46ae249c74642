package io.github.wandacuda.job.verify;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/** Compares a {@code wanda-cuda.json} with the source and the weights. */
public record RecordCheck(Path file, Provenance record, Failures failures) {
  private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]{64}");

  /** What the failure of a record ends with that names another source. */
  static final String OTHER_SOURCE = "it was not made from this source";

  private static final String NOTHING = "nothing";

  /**
   * Compares what it says of its run's request with the source's digest, and its values with each
   * other. Returns the keys whose values can't be checked.
   */
  List<String> compareCause(String source) {
    require(Provenance.FORMAT.equals(record.value("format")), "format", Provenance.FORMAT);
    require(record.value("version") != null, "version", "the version that wrote it");
    if (!source.equals(record.sourceSha256())) {
      failures.addCause(otherSource(file, source, record.sourceSha256()));
    }
    String mode = record.rules().update() ? Provenance.UPDATE : Provenance.MASK;
    require(mode.equals(record.value("mode")), "mode", mode + " by its method");
    digest("masks_sha256");
    digest("family_sha256");
    record.fittedDigests().forEach(this::requireDigest);
    compareNorms();
    compareUnreached();
    return unchecked();
  }

  /**
   * Checks that a record has the digests of the tensors that were fitted and of no others. Versions
   * that wrote none are passed over.
   *
   * @param fitted the names of the tensors that its run may have given other weights
   */
  void compareFitted(Set<String> fitted) {
    Set<String> digested = record.fittedDigests().keySet();
    if (digested.isEmpty()) {
      return;
    }
    Set<String> missing = new TreeSet<>(fitted);
    missing.removeAll(digested);
    missing.forEach(name -> add(Provenance.FITTED_SHA256, "a digest of " + name, NOTHING));
    Set<String> others = new TreeSet<>(digested);
    others.removeAll(fitted);
    others.forEach(
        name ->
            add(
                Provenance.FITTED_SHA256,
                "tensors that its run can have fitted",
                Printable.of(name)));
  }

  /** Compares what a record says of the parts that were removed with itself. */
  void compareParts() {
    Set<String> fitted = Set.copyOf(record.fitted());
    Object update = record.value(MethodKey.UPDATE.recordKey());
    if (update == null) {
      require(
          record.value(Provenance.FITTED) == null, Provenance.FITTED, NOTHING + " without update");
    } else {
      boolean known =
          Stream.of(Structure.Update.values())
              .anyMatch(value -> value != Structure.Update.NONE && value.label().equals(update));
      require(known, MethodKey.UPDATE.recordKey(), "reconstruct or realign");
      require(isSampled(), "calibration_sha256", "that of the samples with update " + update);
    }
    if (isSampled()) {
      absent("statistics_sha256", "calibration_sha256");
    }
    List.of("statistics_sha256", "calibration_sha256", "family_sha256", "recipe_sha256")
        .forEach(this::digest);
    record.fittedDigests().forEach(this::requireDigest);
    compareFitted(fitted);
  }

  private void requireDigest(String tensor, String value) {
    if (!SHA_256.matcher(value).matches()) {
      add(
          "%s of %s".formatted(Provenance.FITTED_SHA256, Printable.of(tensor)),
          "64 hexadecimal digits",
          Printable.of(value));
    }
  }

  /** Compares the digest of the file that describes the family, if there is that file. */
  void compareFamily(ModelDirectory dense) {
    Object recorded = record.value("family_sha256");
    if (dense.family() != null && recorded != null) {
      String found = Provenance.familyDigest(List.of(dense.family()));
      require(found.equals(recorded), "family_sha256", found + " by " + dense.family());
    }
  }

  /** Returns the failure of a record that names another model than the one it is compared with. */
  static ErrorDetails otherSource(Path file, String source, Object recorded) {
    return ErrorDetails.part(file, "source_sha256")
        .expected(source + " by the source's config.json and headers", text(recorded))
        .hint(OTHER_SOURCE);
  }

  private boolean isWithoutNorms() {
    return !record.rules().needNorms();
  }

  private boolean isSampled() {
    return record.value("calibration_sha256") != null;
  }

  /** Norms come from statistics or from samples, and magnitude needs none. */
  private void compareNorms() {
    boolean fromFile = record.value("statistics_sha256") != null;
    if (isWithoutNorms()) {
      absent("statistics_sha256", "a method without norms");
      absent("calibration_sha256", "a method without norms");
    } else if (fromFile == isSampled()) {
      add("statistics_sha256, calibration_sha256", "one of them", fromFile ? "both" : "neither");
    }
    digest("statistics_sha256");
    digest("calibration_sha256");
    if (isSampled()) {
      positive("samples");
      positive("sequence_length");
      require(record.value("seed") != null, "seed", "a number");
    } else {
      String why = isWithoutNorms() ? "a method without norms" : "norms from statistics";
      absent("samples", why);
      absent("sequence_length", why);
      absent("seed", why);
      absent("join", why);
    }
  }

  private void compareUnreached() {
    if (isWithoutNorms()) {
      absent("unreached", "a method without norms");
      absent("kept", "a method without norms");
      return;
    }
    boolean known =
        List.of(Unreached.values()).stream()
            .anyMatch(value -> value.label().equals(record.unreached()));
    require(known, "unreached", "magnitude, keep or fail");
    if (record.kept() == null) {
      return;
    }
    if (!Unreached.KEEP.label().equals(record.unreached())) {
      add("kept", "none with unreached " + text(record.unreached()), "some");
    }
    Set<String> unknown = new TreeSet<>(record.kept());
    unknown.removeAll(new HashSet<>(record.modules()));
    unknown.forEach(name -> add("kept", "pruned modules", Printable.of(name)));
  }

  /** Returns the keys whose values neither the weights nor the source can prove. */
  private List<String> unchecked() {
    List<String> keys = new ArrayList<>(List.of("version"));
    if (!isWithoutNorms()) {
      keys.add("unreached");
      keys.addAll(
          isSampled()
              ? List.of("samples", "sequence_length", "seed", "calibration_sha256")
              : List.of("statistics_sha256"));
      if (record.value("join") != null) {
        keys.add("join");
      }
    }
    return keys;
  }

  private void digest(String key) {
    require(
        !(record.value(key) instanceof String value) || SHA_256.matcher(value).matches(),
        key,
        "64 hexadecimal digits");
  }

  private void positive(String key) {
    require(record.value(key) instanceof Integer value && value > 0, key, "1 or more");
  }

  private void absent(String key, String why) {
    require(record.value(key) == null, key, NOTHING + " with " + why);
  }

  private void require(boolean held, String key, String expected) {
    if (!held) {
      add(key, expected, text(record.value(key)));
    }
  }

  private static String text(Object found) {
    return found == null ? NOTHING : Printable.of(found.toString());
  }

  List<LinearModule> modules(ModelDirectory dense) {
    Set<String> unknown = new HashSet<>(record.modules());
    List<LinearModule> chosen =
        dense.modules().stream()
            .filter(module -> unknown.contains(module.name()) && module.prunable())
            .toList();
    chosen.forEach(module -> unknown.remove(module.name()));
    new TreeSet<>(unknown)
        .forEach(name -> add("modules", "modules of the source", Printable.of(name)));
    if (unknown.isEmpty()) {
      compareChoice(dense, chosen);
    }
    return chosen;
  }

  private void compareChoice(ModelDirectory dense, List<LinearModule> chosen) {
    try {
      List<LinearModule> expected =
          dense.choose(record.choice()).stream().filter(record.rules()::areFor).toList();
      if (!expected.equals(chosen)) {
        add(
            "modules",
            "the %d that include and exclude choose".formatted(expected.size()),
            "%d that are not the same".formatted(chosen.size()));
      }
    } catch (WandaException | PatternSyntaxException e) {
      add("include, exclude", "patterns that fit the source", Printable.of(e.getMessage()));
    }
  }

  public void compare(List<LinearModule> chosen, String maskSha256, OutputCheck.Found found) {
    if (!maskSha256.equals(record.maskSha256())) {
      add("mask_sha256", maskSha256 + " by the weights", record.maskSha256());
      return;
    }
    long elements = chosen.stream().mapToLong(LinearModule::elements).sum();
    compare("elements", elements, record.elements());
    compare("pruned", found.pruned(), record.pruned());
    compare("zeros", found.zeros(), record.zeros());
    compareKept(found);
    compareAmount(chosen, found);
  }

  /** Checks that every module that it says was kept has all weights of the source. */
  private void compareKept(OutputCheck.Found found) {
    Set<String> pruned = new TreeSet<>(Optional.ofNullable(record.kept()).orElse(List.of()));
    pruned.retainAll(found.prunedModules());
    pruned.forEach(name -> add("kept", "modules as in the source", Printable.of(name)));
  }

  private void compare(String key, long expected, long recorded) {
    if (expected != recorded) {
      add(key, "%d by the weights".formatted(expected), Long.toString(recorded));
    }
  }

  /** Checks that no more weights went than the sparsity says; rows say whether enough did. */
  private void compareAmount(List<LinearModule> chosen, OutputCheck.Found found) {
    PruningRules rules = record.rules();
    rules
        .most(chosen)
        .filter(most -> found.pruned() > most)
        .ifPresent(
            most ->
                add(
                    "pruned",
                    "at most %d by its %s".formatted(most, rules.common().sparsity()),
                    Long.toString(found.pruned())));
  }

  private void add(String key, String expected, String found) {
    failures.add(ErrorDetails.part(file, key).expected(expected, found));
  }
}
