package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.RunEstimate.LayerEstimate;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is measured once is taken for all modules of its kind. */
class LayerEstimateTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);
  private static final Stopwatch WATCH = new Stopwatch(Duration.ofSeconds(2), Progress.NONE);

  /** Modules that are like themselves, with inputs that have nothing to do with each other. */
  private static final class Uncorrelated implements LayerEstimate.Samples {
    private int asked;

    @Override
    public Optional<LinearModule> like(LinearModule module) {
      return Optional.of(module);
    }

    @Override
    public LayerInputs inputs(LinearModule module, boolean moments, Arena arena) {
      asked++;
      float[] norms = new float[module.columns()];
      Arrays.fill(norms, 1);
      return new LayerInputs(
          norms, moments ? identity(module.columns()) : null, 0, Optional.empty());
    }

    private static Gram identity(int columns) {
      float[] triangle = new float[(int) Gram.elements(columns)];
      for (int row = 0; row < columns; row++) {
        triangle[(int) Gram.rowStart(columns, row)] = 1;
      }
      return new Gram(columns, MemorySegment.ofArray(triangle));
    }
  }

  private static PruningRules rules(ModuleRules rules) {
    return new PruningRules(rules, Unreached.MAGNITUDE);
  }

  @Test
  void eachWidthIsMeasuredOnce() {
    Uncorrelated samples = new Uncorrelated();
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2);
        LayerEstimate estimate = new LayerEstimate(backend, samples, false, WATCH)) {
      List<LinearModule> modules =
          model.choose(ModuleChoice.DEFAULT).stream()
              .filter(module -> module.name().contains(".0."))
              .toList();
      long widths = modules.stream().map(LinearModule::columns).distinct().count();
      assertThat(estimate.seconds(modules, rules(ModuleRules.of(Method.WANDA, HALF)))).isZero();
      assertThat(samples.asked).isZero();
      PruningRules sparseGpt = rules(ModuleRules.of(Method.SPARSEGPT, HALF));
      double once = estimate.seconds(modules, sparseGpt);
      assertThat(once).isBetween(1e-4, 60.0);
      // Once more for a few columns, by which the code is compiled.
      assertThat(samples.asked).isEqualTo(widths + 1);
      List<LinearModule> twice =
          modules.stream().flatMap(module -> List.of(module, module).stream()).toList();
      assertThat(estimate.seconds(twice, sparseGpt)).isCloseTo(2 * once, within(1e-9));
      assertThat(samples.asked).isEqualTo(widths + 1);
    }
  }

  @Test
  void masksFromAFileCountByWhatFollows() {
    Uncorrelated samples = new Uncorrelated();
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2);
        LayerEstimate estimate = new LayerEstimate(backend, samples, true, WATCH)) {
      List<LinearModule> module = model.choose(ModuleChoice.DEFAULT).subList(0, 1);
      ModuleRules masks = ModuleRules.of(Method.MASKS, new Sparsity.Ratio(0));
      assertThat(estimate.seconds(module, rules(masks))).isZero();
      ModuleRules swapped = masks.with(MethodKey.REFINE, "swaps");
      assertThat(estimate.seconds(module, rules(swapped))).isPositive();
      assertThat(samples.asked).isEqualTo(2);
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
