package io.github.wandacuda.job.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is measured of one module is taken for all of its kind. */
class TimedPruningTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  private static PruningRules rules(ModuleRules rules) {
    return new PruningRules(rules, Unreached.MAGNITUDE);
  }

  private static RunScope scope(ModelDirectory model, ModuleRules rules) {
    Calibration.FromSamples samples =
        new Calibration.FromSamples(
            List.of(new int[] {1, 2, 3, 4, 5, 6, 7, 8}), "0".repeat(64), 0, false);
    return RunScope.of(model, Pruning.request(Path.of("out"), rules, samples, false));
  }

  /**
   * Pruning is measured for each width, so twice as many modules take twice as long, to the bit.
   */
  @Test
  void eachWidthIsMeasuredOnce() {
    ModuleRules sparseGpt = ModuleRules.of(Method.SPARSEGPT, HALF);
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2);
        Arena arena = Arena.ofShared()) {
      RunScope scope = scope(model, sparseGpt);
      List<int[]> samples = ((Calibration.FromSamples) scope.request().calibration()).samples();
      Stopwatch watch = new Stopwatch(Duration.ofSeconds(2), Progress.NONE);
      try (TimedBlock block = new TimedBlock(model, backend, samples, 0, watch);
          TimedPruning pruning =
              new TimedPruning(scope, backend, Optional.of(block.observe(true, arena)), watch)) {
        double once = pruning.seconds(rules(sparseGpt));
        assertThat(once).isBetween(1e-4, 60.0);
        assertThat(pruning.seconds(rules(sparseGpt))).isCloseTo(once, within(1e-12));
        ModuleRules swapped =
            ModuleRules.of(Method.MASKS, new Sparsity.Ratio(0)).with(MethodKey.REFINE, "swaps");
        assertThat(pruning.seconds(rules(swapped))).isPositive();
      }
    }
  }

  /** A block's tokens take time in proportion to their number and to that of the blocks. */
  @Test
  void tokensPassAllBlocks() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2);
        Arena arena = Arena.ofShared()) {
      List<int[]> samples = List.of(new int[64], new int[64], new int[64]);
      Stopwatch watch = new Stopwatch(Duration.ofSeconds(2), Progress.NONE);
      try (TimedBlock block = new TimedBlock(model, backend, samples, 99, watch)) {
        double few = block.advancing(1000);
        assertThat(block.advancing(100_000)).isBetween(20 * few, 500 * few);
        assertThat(block.predicting(1000)).isPositive();
        BlockStatistics seen = block.observe(false, arena);
        assertThat(seen.norms()).isNotEmpty();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0.4, 2, 3.5, about 2 s (0 to 4 s)", "45, 70, 110, about 70 s (45 to 110 s)",
    "200, 300, 470, about 5 min (3 to 8 min)", "21700, 32400, 50000, about 9 h (6 to 14 h)"
  })
  void isToldInItsUnit(double least, double about, double most, String text) {
    assertThat(new TimeEstimate(least, about, most).text()).isEqualTo(text);
  }
}
