package io.github.wandacuda.job.estimate;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.compare.Comparison;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.fit.OutputProjections;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.ModuleRules.Scope;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Any run, of any model, can be estimated. */
class DryRunTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  @TempDir Path directory;

  static List<String> families() {
    return Tier.picked(20, TestData.families());
  }

  @ParameterizedTest
  @MethodSource("families")
  @FirstCases(1)
  void everyMethodOnEveryFamily(String family) {
    Path fixture = TestData.fixture(family);
    estimate(fixture.resolve("model"), fixture.resolve("tokens.json"));
  }

  @Test
  @Thorough
  void everyMethodWhereColumnsDontFillTheMasksBytes() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(2, 32, 44, 64);
    estimate(
        llama.write(directory.resolve("model")),
        llama.writeSamples(directory.resolve("samples.json"), 3, 24));
  }

  private void estimate(Path path, Path tokens) {
    List<int[]> samples = TestData.tokens(tokens);
    Calibration.FromSamples calibration =
        new Calibration.FromSamples(samples, "0".repeat(64), 0, false);
    try (ModelDirectory model = ModelDirectory.open(path);
        // A second thread would mostly wait: the matrices are tiny.
        Backend backend = Pruning.cpu(1)) {
      boolean fours = model.modules().stream().allMatch(module -> module.columns() % 4 == 0);
      boolean realigns = OutputProjections.problem(model, Structure.Update.REALIGN, true).isEmpty();
      List<ModuleRules> all =
          rules(fours ? 4 : 2).stream().filter(rules -> realigns || !rules.realign()).toList();
      for (ModuleRules rules : all) {
        RunScope scope =
            RunScope.of(
                model, Pruning.request(directory.resolve("out"), rules, calibration, false));
        List<Allocation> allocations =
            rules == all.getFirst()
                ? List.of(Allocation.Rule.values())
                : List.of(Allocation.Rule.ATP);
        for (Allocation allocation : allocations) {
          TimeEstimate time =
              new RunEstimate(scope, backend, once())
                  .of(
                      PruneJob.toOutput(model, scope.request()).needs(backend),
                      List.of(allocation),
                      samples);
          assertThat(time.about()).as(rules.label()).isBetween(time.least(), time.most());
        }
      }
      EvaluationWindows text = EvaluationWindows.ofTokens(tokens, Integer.MAX_VALUE);
      Comparison comparison =
          new Comparison(
              model,
              backend,
              ModuleChoice.DEFAULT,
              calibration,
              text,
              Optional.empty(),
              false,
              false);
      List<PruningRules> runs =
          all.stream().map(rules -> new PruningRules(rules, Unreached.MAGNITUDE)).toList();
      assertThat(comparison.estimate(runs, once()).least()).isPositive();
    }
  }

  /** Has everything measured once. */
  private static Stopwatch once() {
    return new Stopwatch(Duration.ZERO, Progress.NONE);
  }

  private static List<ModuleRules> rules(int group) {
    List<ModuleRules> all = new ArrayList<>();
    for (Method method : Method.values()) {
      all.add(ModuleRules.of(method, HALF));
      if (method != Method.WANDA_VARIANT) {
        all.add(ModuleRules.of(method, new Sparsity.GroupPattern(group / 2, group)));
      }
      ModuleRules fitted = ModuleRules.of(method, HALF).with(MethodKey.UPDATE, "reconstruct");
      if (method != Method.SPARSEGPT) {
        all.add(
            ModuleRules.of(method, HALF)
                .with(MethodKey.SCOPE, Scope.ROW)
                .with(MethodKey.REFINE, "swaps"));
        all.add(fitted.with(MethodKey.REFINE, "swaps"));
      }
      all.add(fitted);
      if (method != Method.MASKS) {
        all.add(fitted.with(MethodKey.UPDATE, "alps"));
        all.add(fitted.with(MethodKey.UPDATE, "realign"));
      }
    }
    return all.stream().filter(rules -> rules.method() != Method.MASKS).toList();
  }
}
