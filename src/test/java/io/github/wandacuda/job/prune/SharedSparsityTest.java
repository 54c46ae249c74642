package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.job.cluster.ClusterRuns;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.output.SavedSteps;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Totals are shared out, and long work for it shows progress. */
class SharedSparsityTest {
  private static final List<int[]> SAMPLES =
      TestData.tokens(TestData.GOLDEN.resolve("calibration.json")).stream()
          .limit(4)
          .map(sample -> Arrays.copyOf(sample, 32))
          .toList();

  private static SharedSparsity share(
      ModelDirectory model, List<LinearModule> chosen, Allocation allocation, Progress progress) {
    return share(model, chosen, allocation, Optional.empty(), progress);
  }

  private static SharedSparsity share(
      ModelDirectory model,
      List<LinearModule> chosen,
      Allocation allocation,
      Optional<OnCluster> on,
      Progress progress) {
    PruningRules rules =
        new PruningRules(
            ModuleRules.of(Method.WANDA, new Sparsity.Ratio(0.6)), Unreached.MAGNITUDE);
    try (Backend backend = Pruning.cpu(2)) {
      SharedSparsity.Means means =
          new SharedSparsity.Means(
              model, backend, Pruning.samples(SAMPLES), on, SavedSteps.none(), progress);
      return SharedSparsity.of(allocation, means, rules, chosen);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Allocation.Rule.class,
      names = {"ATP", "DLP", "OWL"})
  @Thorough
  void theMeanIsTheTotalAndEachBlockIsProgress(Allocation.Rule rule) {
    List<Long> done = new ArrayList<>();
    long[] all = new long[1];
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      List<LinearModule> chosen = model.choose(ModuleChoice.DEFAULT);
      SharedSparsity shared =
          share(
              model,
              chosen,
              rule,
              (what, step, total, share) -> {
                done.add(step);
                all[0] = total;
              });
      PruningRules rules = shared.rules();
      double pruned =
          chosen.stream().mapToDouble(module -> share(rules, module) * module.elements()).sum();
      double elements = chosen.stream().mapToLong(LinearModule::elements).sum();
      assertThat(pruned / elements).isCloseTo(0.6, Offset.offset(1e-9));
      assertThat(shared.label()).startsWith(rule.label());
    }
    assertThat(done).isSorted().startsWith(1L, 2L, 3L, 4L, 5L, 6L).endsWith(all[0]);
    assertThat(all[0]).isEqualTo(rule == Allocation.Rule.ATP ? 66 : 6);
  }

  @ParameterizedTest
  @EnumSource(
      value = Allocation.Rule.class,
      names = {"ATP", "DLP", "OWL"})
  @Thorough
  void aClusterComesToTheSameShares(Allocation.Rule rule) {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Cluster cluster = ClusterRuns.Several.of(2)) {
      List<LinearModule> chosen = model.choose(ModuleChoice.DEFAULT);
      OnCluster on = new OnCluster(cluster, ClusterRuns.CPU);
      SharedSparsity one = share(model, chosen, rule, Progress.NONE);
      SharedSparsity all = share(model, chosen, rule, Optional.of(on), Progress.NONE);
      assertThat(all.label()).isEqualTo(one.label());
      assertThat(all.rules().allocated()).isNotEmpty().isEqualTo(one.rules().allocated());
    }
  }

  @Test
  void atpIsntChosenByOtherBitsThanTheClusters() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Cluster cluster = ClusterRuns.changing(result -> "gpu")) {
      Optional<OnCluster> on = Optional.of(new OnCluster(cluster, ClusterRuns.CPU));
      List<LinearModule> chosen = model.choose(ModuleChoice.DEFAULT);
      assertThatThrownBy(() -> share(model, chosen, Allocation.Rule.ATP, on, Progress.NONE))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessageContaining("this process: expected the bits of the other machines, gpu");
    }
  }

  private static double share(PruningRules rules, LinearModule module) {
    return ((Sparsity.Ratio) rules.of(module).sparsity()).fraction();
  }
}
