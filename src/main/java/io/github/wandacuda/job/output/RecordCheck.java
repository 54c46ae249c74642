package io.github.wandacuda.job.output;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.NamePatterns;
import io.github.wandacuda.pruning.PruningRules;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Compares a {@code wanda-cuda.json} with the weights.
 *
 * @param file its path
 * @param record its content
 * @param failures receive each contradiction
 */
public record RecordCheck(Path file, Provenance record, Failures failures) {

  /**
   * Checks what it says of the run's request, and returns the keys whose values can't be checked.
   */
  List<String> compareCause(ModelDirectory dense) {
    return new CauseCheck(record, this::add).compare(dense);
  }

  /** Returns the source's modules that it names. */
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
      ModuleChoice choice =
          new ModuleChoice(patterns(record.include()), patterns(record.exclude()));
      List<LinearModule> expected =
          dense.choose(choice).stream().filter(record.rules()::areFor).toList();
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

  private static List<Pattern> patterns(List<String> texts) {
    return Optional.ofNullable(texts).orElse(List.of()).stream()
        .map(NamePatterns::compile)
        .toList();
  }

  /** Compares masks and counts. */
  public void compare(List<LinearModule> chosen, ShardVerifier.Found found) {
    if (!found.maskSha256().equals(record.maskSha256())) {
      add("mask_sha256", found.maskSha256() + " by the weights", record.maskSha256());
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
  private void compareKept(ShardVerifier.Found found) {
    Set<String> pruned = new TreeSet<>(Optional.ofNullable(record.kept()).orElse(List.of()));
    pruned.retainAll(found.prunedModules());
    pruned.forEach(name -> add("kept", "modules as in the source", Printable.of(name)));
  }

  private void compare(String key, long expected, long recorded) {
    if (expected != recorded) {
      add(key, "%d by the weights".formatted(expected), Long.toString(recorded));
    }
  }

  /**
   * Checks that no more weights were pruned than the sparsity says; that there are enough is
   * checked row by row.
   */
  private void compareAmount(List<LinearModule> chosen, ShardVerifier.Found found) {
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
    failures.add(
        "%s: %s: expected %s, found %s".formatted(Printable.of(file), key, expected, found));
  }
}
