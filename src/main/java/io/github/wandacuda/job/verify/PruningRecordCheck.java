package io.github.wandacuda.job.verify;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.PatternSyntaxException;

/** Compares the record of a run that pruned weights with the source and with the weights. */
public final class PruningRecordCheck {
  private final PruningRecord record;
  private final RecordCheck check;

  /**
   * Begins a check.
   *
   * @param file the record's path, for failures
   * @param failures takes what is wrong
   */
  public PruningRecordCheck(Path file, PruningRecord record, Failures failures) {
    this.record = record;
    check = new RecordCheck(file, record, failures);
  }

  /** Compares the digest of the file that describes the model's family, if the model has one. */
  void compareFamily(ModelDirectory dense) {
    check.compareFamily(dense);
  }

  /**
   * Checks that the record has the digests of exactly the tensors that were fitted.
   *
   * @param fitted their names
   */
  void compareFitted(Set<String> fitted) {
    check.compareFitted(fitted);
  }

  /**
   * Compares the record's request with the source's digest, and its values with each other.
   *
   * @param source the source's digest
   * @return the keys whose values can't be checked
   */
  List<String> compareCause(String source) {
    check.require(Provenance.FORMAT.equals(record.value("format")), "format", Provenance.FORMAT);
    check.require(record.value("version") != null, "version", "the version that wrote it");
    if (!source.equals(record.sourceSha256())) {
      check
          .failures()
          .addCause(RecordCheck.otherSource(check.file(), source, record.sourceSha256()));
    }
    String mode = record.rules().update() ? Provenance.UPDATE : Provenance.MASK;
    check.require(mode.equals(record.value("mode")), "mode", mode + " by its method");
    check.digest("masks_sha256");
    check.digest("family_sha256");
    record.fittedDigests().forEach(check::requireDigest);
    compareNorms();
    compareUnreached();
    return unchecked();
  }

  private boolean isWithoutNorms() {
    return !record.rules().needNorms();
  }

  /**
   * Checks the values about norms: they come from statistics or from samples; scores by magnitude
   * need none.
   */
  private void compareNorms() {
    boolean fromFile = record.value("statistics_sha256") != null;
    if (isWithoutNorms()) {
      check.absent("statistics_sha256", "a method without norms");
      check.absent("calibration_sha256", "a method without norms");
    } else if (fromFile == check.isSampled()) {
      check.add(
          "statistics_sha256, calibration_sha256", "one of them", fromFile ? "both" : "neither");
    }
    check.digest("statistics_sha256");
    check.digest("calibration_sha256");
    if (check.isSampled()) {
      check.positive("samples");
      check.positive("sequence_length");
      check.require(record.value("seed") != null, "seed", "a number");
    } else {
      String why = isWithoutNorms() ? "a method without norms" : "norms from statistics";
      check.absent("samples", why);
      check.absent("sequence_length", why);
      check.absent("seed", why);
      check.absent("join", why);
    }
  }

  private void compareUnreached() {
    if (isWithoutNorms()) {
      check.absent("unreached", "a method without norms");
      check.absent("kept", "a method without norms");
      return;
    }
    boolean known =
        List.of(Unreached.values()).stream()
            .anyMatch(value -> value.label().equals(record.unreached()));
    check.require(known, "unreached", "magnitude, keep or fail");
    if (record.kept() == null) {
      return;
    }
    if (!Unreached.KEEP.label().equals(record.unreached())) {
      check.add("kept", "none with unreached " + RecordCheck.text(record.unreached()), "some");
    }
    Set<String> unknown = new TreeSet<>(record.kept());
    unknown.removeAll(new HashSet<>(record.modules()));
    unknown.forEach(name -> check.add("kept", "pruned modules", Printable.of(name)));
  }

  /** Returns the keys whose values neither the weights nor the source can prove. */
  private List<String> unchecked() {
    List<String> keys = new ArrayList<>(List.of("version"));
    if (!isWithoutNorms()) {
      keys.add("unreached");
      keys.addAll(
          check.isSampled()
              ? List.of("samples", "sequence_length", "seed", "calibration_sha256")
              : List.of("statistics_sha256"));
      if (record.value("join") != null) {
        keys.add("join");
      }
    }
    return keys;
  }

  /**
   * Returns the modules that the record names, among those of the source. A name that isn't one is
   * a failure.
   */
  List<LinearModule> modules(ModelDirectory dense) {
    Set<String> unknown = new HashSet<>(record.modules());
    List<LinearModule> chosen =
        dense.modules().stream()
            .filter(module -> unknown.contains(module.name()) && module.prunable())
            .toList();
    chosen.forEach(module -> unknown.remove(module.name()));
    new TreeSet<>(unknown)
        .forEach(name -> check.add("modules", "modules of the source", Printable.of(name)));
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
        check.add(
            "modules",
            "the %d that include and exclude choose".formatted(expected.size()),
            "%d that are not the same".formatted(chosen.size()));
      }
    } catch (WandaException | PatternSyntaxException e) {
      check.add("include, exclude", "patterns that fit the source", Printable.of(e.getMessage()));
    }
  }

  /**
   * Compares the record's numbers with what was found.
   *
   * @param chosen the pruned modules
   * @param maskSha256 the digest of their masks, or null if it isn't known
   * @param found in the weights
   */
  public void compare(List<LinearModule> chosen, String maskSha256, OutputCheck.Found found) {
    if (!maskSha256.equals(record.maskSha256())) {
      check.add("mask_sha256", maskSha256 + " by the weights", record.maskSha256());
      return;
    }
    long elements = chosen.stream().mapToLong(LinearModule::elements).sum();
    compare("elements", elements, record.elements());
    compare("pruned", found.pruned(), record.pruned());
    compare("zeros", found.zeros(), record.zeros());
    compareKept(found);
    compareAmount(chosen, found);
  }

  /** Checks that modules which the record lists as kept have all weights of the source. */
  private void compareKept(OutputCheck.Found found) {
    Set<String> pruned = new TreeSet<>(Optional.ofNullable(record.kept()).orElse(List.of()));
    pruned.retainAll(found.prunedModules());
    pruned.forEach(name -> check.add("kept", "modules as in the source", Printable.of(name)));
  }

  private void compare(String key, long expected, long recorded) {
    if (expected != recorded) {
      check.add(key, "%d by the weights".formatted(expected), Long.toString(recorded));
    }
  }

  /**
   * Checks that not more weights were pruned than the sparsity says. Whether enough were is checked
   * row by row.
   */
  private void compareAmount(List<LinearModule> chosen, OutputCheck.Found found) {
    PruningRules rules = record.rules();
    rules
        .most(chosen)
        .filter(most -> found.pruned() > most)
        .ifPresent(
            most ->
                check.add(
                    "pruned",
                    "at most %d by its %s".formatted(most, rules.common().sparsity()),
                    Long.toString(found.pruned())));
  }
}
