package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.cluster.KeptStates;
import io.github.wandacuda.cluster.KeptStates.ClusterStep;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.cluster.ClusterCalibration;
import io.github.wandacuda.job.cluster.ClusterRuns;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.prune.ShardPass.ShardResult;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A cluster's output is one machine's, to the byte, whatever becomes of its processes. */
@Timeout(300)
class ClusterPruneTest {
  private static final int BLOCKS = 6;

  @TempDir static Path models;
  private static Path model;
  private static Path statistics;

  @TempDir Path directory;

  @BeforeAll
  static void write() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 64, 96, 200);
    model = llama.write(models.resolve("model"));
    statistics = llama.writeStatistics(models.resolve("statistics"));
  }

  private Path output() {
    return directory.resolve("out");
  }

  private Path shard(int number) {
    return output().resolve("model-0000%d-of-00003.safetensors".formatted(number));
  }

  private static ModuleRules rules(String what, String amount) {
    ModuleRules rules = Pruning.rules(what, amount);
    return rules.swaps() ? rules.with(MethodKey.REFINE_SWAPS, 20) : rules;
  }

  /** Returns samples, or none where norms come from statistics. */
  private static Calibration norms(String what, int count, int length) {
    if (count > 0) {
      return Pruning.samples(
          IntStream.range(0, count)
              .mapToObj(seed -> new Random(seed).ints(length, 0, 60).toArray())
              .toList());
    }
    return what.equals("magnitude") ? new Calibration.None() : Pruning.statistics(statistics);
  }

  /** Several batches; their length is no multiple of the rows that are summed in a run. */
  private static Calibration norms(String what, int count) {
    return norms(what, count, 300);
  }

  private PruneRequest request(String what, int samples, boolean resume) {
    return Pruning.request(output(), rules(what, "0.5"), norms(what, samples), resume);
  }

  private void assertLikeOneMachine(
      Path of, PruningRules rules, Calibration norms, Cluster cluster) {
    Path expected = directory.resolve("expected");
    RunResult one = Pruning.prune(of, Pruning.request(expected, rules, norms, false), 2);
    RunResult all = ClusterRuns.prune(of, Pruning.request(output(), rules, norms, false), cluster);
    Directories.assertSame(expected, output());
    assertThat(all.provenance().maskSha256()).isEqualTo(one.provenance().maskSha256());
    assertThat(all.zeroRows()).isEqualTo(one.zeroRows());
    assertThat(all.modules()).hasSameSizeAs(one.modules());
    for (int index = 0; index < one.modules().size(); index++) {
      assertThat(all.modules().get(index).errors()).isEqualTo(one.modules().get(index).errors());
      assertThat(all.modules().get(index).norms()).isEqualTo(one.modules().get(index).norms());
    }
  }

  private void assertLikeOneMachine(
      Path of, ModuleRules rules, Calibration norms, Cluster cluster) {
    assertLikeOneMachine(of, new PruningRules(rules, Unreached.MAGNITUDE), norms, cluster);
  }

  @ParameterizedTest
  @CsvSource({
    "wanda, 0.5, 1, 0, 0",
    "wanda, 2:4, 1, 0, 0",
    "ria, 0.5, 2, 0, 0",
    "magnitude, 0.5, 3, 0, 0",
    "wanda, 0.5, 1, 18, 256",
    "ria, 0.5, 2, 9, 256",
    "sparsegpt, 0.5, 1, 4, 300",
    "sparsegpt, 2:4, 2, 7, 300",
    "wanda+swaps, 0.5, 2, 4, 300",
    "wanda+swaps, 2:4, 3, 3, 700",
    "wanda+reconstruct, 0.5, 3, 4, 300",
    "wanda+alps, 0.5, 2, 4, 300",
    "ria+swaps+reconstruct, 0.6, 3, 7, 300",
    "magnitude+reconstruct, 4:8, 2, 5, 300",
    "sparsegpt+reconstruct, 0.5, 3, 1, 300",
    "wanda+reconstruct, 0.5, 2, 3, 2",
  })
  @FirstCases(1)
  void methodsAreThoseOfOneMachine(
      String what, String amount, int workers, int samples, int length) {
    Cluster cluster = ClusterRuns.Several.of(workers);
    assertLikeOneMachine(model, rules(what, amount), norms(what, samples, length), cluster);
  }

  /** Experts that no token reaches, layers that are stored the other way round, parallel blocks. */
  @ParameterizedTest
  @ValueSource(strings = {"mixtral", "qwen2_moe", "gpt2", "gpt_neox", "opt-350m"})
  @FirstCases(1)
  void familiesAreThoseOfOneMachine(String family) {
    assertLikeOneMachine(
        TestData.fixture(family).resolve("model"),
        rules("wanda+swaps+reconstruct", "0.5"),
        norms("wanda", 5, 3),
        ClusterRuns.Several.of(3));
  }

  @Test
  void partsOfARunAndSharesAreThoseOfOneMachine() {
    PruningRules parts =
        new PruningRules(
            ModuleRules.of(Method.WANDA, new Sparsity.Ratio(0.5)),
            List.of(
                new PruningRules.Stage(Pattern.compile(".*down_proj"), rules("sparsegpt", "0.5")),
                new PruningRules.Stage(Pattern.compile(".*q_proj"), rules("ria+swaps", "2:4"))),
            Map.of("model.layers.1.mlp.up_proj", 0.25),
            Unreached.MAGNITUDE,
            Set.of(),
            false);
    assertLikeOneMachine(model, parts, norms("wanda", 7), ClusterRuns.Several.of(2));
  }

  /** Does every step twice from the same state, the last state first. */
  private record Clumsy(Cluster cluster) implements ClusterRuns.Over {
    @Override
    public <S extends Serializable> KeptStates<S> keep(List<S> states) {
      KeptStates<S> kept = cluster.keep(states.reversed());
      return new KeptStates<>() {
        @Override
        public <R extends Serializable> void step(
            String what, ClusterStep<S, R> step, Consumer<R> done) {
          kept.<R>step(what, new Twice<>(step), done);
        }

        @Override
        public void close() {
          kept.close();
        }
      };
    }
  }

  /** Does a step twice. */
  private record Twice<S extends Serializable, R extends Serializable>(ClusterStep<S, R> step)
      implements ClusterStep<S, R> {
    @Override
    public Stepped<S, R> run(S state, ClusterNode node) {
      Stepped<S, R> unused = step.run(state, node);
      return step.run(state, node);
    }
  }

  /** Loses all states after each step, so that all steps are done again from the first states. */
  private record Forgetful(Cluster cluster) implements ClusterRuns.Over {
    @Override
    public <S extends Serializable> KeptStates<S> keep(List<S> states) {
      List<Consumer<KeptStates<S>>> before = new ArrayList<>();
      return new KeptStates<>() {
        @Override
        public <R extends Serializable> void step(
            String what, ClusterStep<S, R> step, Consumer<R> done) {
          try (KeptStates<S> again = cluster.keep(states)) {
            before.forEach(earlier -> earlier.accept(again));
            again.step(what, step, done);
          }
          before.add(kept -> kept.step(what, step, result -> {}));
        }

        @Override
        public void close() {}
      };
    }
  }

  @Test
  @Thorough
  void stepsOfALostProcessRunAgain() throws IOException {
    assertLikeOneMachine(
        model, rules("wanda", "2:4"), norms("wanda", 10, 256), new Clumsy(ClusterRuns.local()));
    Directories.remove(directory.resolve("expected"));
    Directories.remove(output());
    assertLikeOneMachine(
        model,
        rules("sparsegpt", "0.5"),
        norms("sparsegpt", 7),
        new Forgetful(ClusterRuns.Several.of(2)));
  }

  /** Sums in double are exact so often that their order hardly ever shows in the bits. */
  @Test
  @Thorough
  void batchesAreSummedInTheirOrder() {
    List<String> tasks = new ArrayList<>();
    Cluster cluster =
        new ClusterRuns.Bent(
            ClusterRuns.Several.of(3),
            all -> {
              all.forEach(task -> tasks.add(task.toString()));
              return all;
            },
            result -> result);
    ClusterRuns.prune(model, request("sparsegpt", 26, false), cluster);
    List<List<String>> orders =
        tasks.stream()
            .map(task -> Pattern.compile("batch=(\\d+)").matcher(task))
            .map(found -> found.results().map(each -> each.group(1)).toList())
            .filter(order -> !order.isEmpty())
            .toList();
    assertThat(orders).hasSize(BLOCKS * 4).allMatch(List.of("0", "1", "2", "3", "4")::equals);
  }

  @Test
  void theDenseModelsNormsAreThoseOfOneMachine() {
    List<int[]> samples = ((Calibration.FromSamples) norms("wanda", 9, 256)).samples();
    try (CpuDecoder cpu = CpuDecoder.open(model, 2);
        Cluster cluster = ClusterRuns.local()) {
      Statistics one = cpu.statistics(samples);
      Statistics all =
          ClusterCalibration.dense(new OnCluster(cluster, ClusterRuns.CPU), cpu.model())
              .run(samples, Progress.NONE);
      assertThat(all.norms()).containsOnlyKeys(one.norms().keySet());
      all.norms().forEach((module, norms) -> assertThat(norms).isEqualTo(one.norms().get(module)));
      assertThat(all.metadata()).isEqualTo(one.metadata());
    }
  }

  /** Is switched off in a call that does several tasks, after half of them, the last ones. */
  private void interrupt(String what, int samples, int calls) {
    int[] left = {calls};
    Cluster cluster =
        new ClusterRuns.Bent(
            ClusterRuns.Several.of(2),
            tasks ->
                tasks.size() > 1 && --left[0] == 0
                    ? tasks.reversed().subList(0, Math.ceilDiv(tasks.size(), 2))
                    : tasks,
            result -> result);
    assertThatThrownBy(() -> ClusterRuns.prune(model, request(what, samples, false), cluster))
        .hasMessage("switched off");
    assertThat(output().resolve("wanda-cuda.json")).doesNotExist();
    assertThat(TestData.names(output())).noneMatch(name -> name.contains(".inputs-"));
  }

  private void assertIsThatOfOneMachine(String what, int samples) {
    Path expected = directory.resolve("expected");
    Pruning.prune(
        model, Pruning.request(expected, rules(what, "0.5"), norms(what, samples), false), 2);
    Directories.assertSame(expected, output());
  }

  /** Where modules need second moments six calls prune blocks; the last one writes shards. */
  @ParameterizedTest
  @CsvSource({
    "wanda, 0, 1, true",
    "wanda, 0, 1, false",
    "wanda, 7, 1, true",
    "wanda, 7, 1, false",
    "sparsegpt, 7, 1, true",
    "sparsegpt, 7, 4, true",
    "sparsegpt, 7, 7, true",
    "sparsegpt, 7, 7, false",
  })
  @FirstCases(1)
  void aRunThatWasInterruptedGoesOn(String what, int samples, int calls, boolean onCluster)
      throws IOException {
    interrupt(what, samples, calls);
    boolean isWritten = Files.exists(shard(3));
    FileTime written = isWritten ? Files.getLastModifiedTime(shard(3)) : null;
    assertThat(isWritten).isEqualTo(what.equals("wanda") || calls == 7);
    PruneRequest again = request(what, samples, true);
    if (onCluster) {
      Stopping cluster = new Stopping(Integer.MAX_VALUE);
      ClusterRuns.prune(model, again, cluster);
      assertThat(cluster.steps).isEqualTo(isWritten ? 0 : BLOCKS);
    } else {
      Pruning.prune(model, again, 2);
    }
    assertIsThatOfOneMachine(what, samples);
    if (isWritten && onCluster) {
      assertThat(Files.getLastModifiedTime(shard(3))).isEqualTo(written);
    }
  }

  @Test
  void aShardThatWasDamagedMeanwhileIsWrittenAnew() {
    interrupt("wanda", 0, 1);
    Damage.flip(shard(3), -1, 1);
    ClusterRuns.prune(model, request("wanda", 0, true), ClusterRuns.local());
    assertIsThatOfOneMachine("wanda", 0);
  }

  @Test
  @Thorough
  void aModuleThatWasDamagedMeanwhileIsToldOf() {
    interrupt("sparsegpt", 7, 7);
    Damage.flip(output().resolve(".wanda-cuda.module-0"), -1, 1);
    PruneRequest again = request("sparsegpt", 7, true);
    assertThatThrownBy(() -> ClusterRuns.prune(model, again, ClusterRuns.local()))
        .hasMessageContaining(".wanda-cuda.module-0")
        .hasMessageContaining("expected the module as it was written");
  }

  /** Counts steps, and ends before one of them, as if the machine were switched off. */
  private static final class Stopping implements ClusterRuns.Over {
    private final Cluster cluster = ClusterRuns.Several.of(2);
    private final int most;
    private int steps;

    Stopping(int most) {
      this.most = most;
    }

    @Override
    public Cluster cluster() {
      return cluster;
    }

    @Override
    public <S extends Serializable> KeptStates<S> keep(List<S> states) {
      KeptStates<S> kept = cluster.keep(states);
      return new KeptStates<>() {
        @Override
        public <R extends Serializable> void step(
            String what, ClusterStep<S, R> step, Consumer<R> done) {
          if (steps == most) {
            throw new IllegalStateException("switched off");
          }
          steps++;
          kept.step(what, step, done);
        }

        @Override
        public void close() {
          kept.close();
        }
      };
    }
  }

  private PruneRequest saving(String what, boolean resume, long seconds) {
    return Pruning.storing(request(what, 7, resume), IoMode.AUTO, Duration.ofSeconds(seconds));
  }

  private void stop(String what, boolean resume, long seconds, int most) {
    Stopping cluster = new Stopping(most);
    assertThatThrownBy(() -> ClusterRuns.prune(model, saving(what, resume, seconds), cluster))
        .hasMessage("switched off");
    assertThat(cluster.steps).isEqualTo(most);
  }

  private void assertGoesOn(String what, int steps) {
    Stopping cluster = new Stopping(Integer.MAX_VALUE);
    ClusterRuns.prune(model, saving(what, true, 300), cluster);
    assertThat(cluster.steps).isEqualTo(steps);
    assertIsThatOfOneMachine(what, 7);
  }

  /** At the first stop states were saved each so many seconds, at the second one not at all. */
  @ParameterizedTest
  @CsvSource({
    "wanda, 0, 3, 0, 3",
    "wanda, 0, 2, 2, 4",
    "sparsegpt, 300, 3, 0, 6",
    "sparsegpt, 0, 3, 0, 3",
    "sparsegpt, 0, 2, 2, 4"
  })
  @FirstCases(1)
  void itGoesOnAfterTheLastBlockThatWasSaved(
      String what, long seconds, int first, int second, int left) {
    stop(what, false, seconds, first);
    if (second > 0) {
      stop(what, true, 300, second);
    }
    assertGoesOn(what, left);
  }

  private Path states(int block, int batch) {
    return output().resolve(".wanda-cuda.batch-%d-%d".formatted(block, batch));
  }

  @Test
  @Thorough
  void aMissingBatchMeansTheBlockIsNotSaved() throws IOException {
    stop("wanda", false, 0, 3);
    Files.delete(states(2, 1));
    assertGoesOn("wanda", BLOCKS);
  }

  @Test
  void otherStatesThanWereWrittenAreToldOf() throws IOException {
    stop("wanda", false, 0, 3);
    byte[] bytes = Files.readAllBytes(states(2, 0));
    bytes[100] ^= 1;
    Files.write(directory.resolve("damaged"), bytes);
    Files.move(directory.resolve("damaged"), states(2, 0), StandardCopyOption.REPLACE_EXISTING);
    PruneRequest again = saving("wanda", true, 0);
    assertThatThrownBy(() -> ClusterRuns.prune(model, again, ClusterRuns.local()))
        .hasMessageContaining("expected hidden states as they were written");
  }

  @Test
  @Thorough
  void oneMachineGoesOnWithTheBlocksThatAClusterSaved() {
    stop("wanda", false, 0, 3);
    Pruning.prune(model, saving("wanda", true, 300), 2);
    assertIsThatOfOneMachine("wanda", 7);
  }

  @ParameterizedTest
  @ValueSource(strings = {"wanda", "sparsegpt"})
  @FirstCases(1)
  void badInputIsSaidAsOnOneMachineAndLeavesNothing(String what) {
    Path broken = TestData.copy(model, directory.resolve("model"));
    Damage.nan(broken);
    List<String> messages = new ArrayList<>();
    PruneRequest request = request(what, 7, false);
    assertThatThrownBy(() -> Pruning.prune(broken, request, 2))
        .isInstanceOf(InputException.class)
        .satisfies(failure -> messages.add(failure.getMessage()));
    assertThatThrownBy(() -> ClusterRuns.prune(broken, request, ClusterRuns.local()))
        .isInstanceOf(InputException.class)
        .satisfies(failure -> assertThat(messages).containsExactly(failure.getMessage()));
    assertThat(output()).doesNotExist();
  }

  @Test
  void aMachineThatComputesOtherBitsSaysSo() {
    Cluster other = ClusterRuns.changing(result -> result instanceof String ? "gpu" : result);
    assertThatThrownBy(() -> ClusterRuns.prune(model, request("wanda", 1, false), other))
        .isInstanceOf(BackendUnavailableException.class)
        .hasMessageContaining("expected the bits of the other machines, gpu, found cpu");
  }

  @Test
  void aMachineWithOtherFilesSaysSo() {
    Path copy = TestData.copy(model, directory.resolve("model"));
    Cluster elsewhere = ClusterRuns.after(() -> Damage.resize(copy.resolve("config.json"), 1));
    assertThatThrownBy(() -> ClusterRuns.prune(copy, request("wanda", 0, false), elsewhere))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("the same files on every machine");
    assertThat(output()).doesNotExist();
  }

  @Test
  void aMachineThatSharesNoOutputSaysSo() {
    Cluster elsewhere =
        ClusterRuns.after(
            () -> {
              try {
                Files.delete(output().resolve(".wanda-cuda.journal"));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    assertThatThrownBy(() -> ClusterRuns.prune(model, request("wanda", 0, false), elsewhere))
        .hasMessageContaining("a directory that all machines share");
  }

  private static ShardResult wrong(ShardResult result) {
    OutputCheck.Found found = result.check().found();
    return new ShardResult(
        result.shard(),
        result.node(),
        result.tensors(),
        result.written(),
        new ShardResult.Check(
            null, new OutputCheck.Found(found.pruned() - 1, found.zeros(), found.prunedModules())),
        result.seconds());
  }

  @Test
  void theSumOfWhatWasFoundHasToBeTheRecords() {
    Cluster lying = ClusterRuns.changing(result -> wrong((ShardResult) result));
    assertThatThrownBy(() -> ClusterRuns.prune(model, request("wanda", 0, false), lying))
        .isInstanceOf(VerificationException.class)
        .hasMessageContaining("pruned");
    assertThat(output()).doesNotExist();
  }

  /** Does each task a second time when the run has finished, as a process that was given up. */
  private record Late(Cluster cluster, List<ClusterTask<?>> late) implements ClusterRuns.Over {
    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      late.addAll(tasks);
      cluster.run(what, tasks, done);
    }

    @Override
    public void close() {
      for (ClusterTask<?> task : late) {
        assertThatThrownBy(() -> cluster.run("again", List.of(task), result -> {}))
            .isInstanceOf(CancelledException.class);
      }
      cluster.close();
    }
  }

  @Test
  void anAttemptThatComesTooLateLeavesNothing() {
    Cluster late = new Late(ClusterRuns.local(), new ArrayList<>());
    ClusterRuns.prune(model, request("wanda", 0, false), late);
    assertIsThatOfOneMachine("wanda", 0);
  }

  @Test
  void realignIsRefused() {
    assertThatThrownBy(
            () -> ClusterRuns.prune(model, request("wanda+realign", 4, false), ClusterRuns.local()))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("samples of the dense model aren't shared out");
  }

  @Test
  void clustersAreNamed() {
    assertThatThrownBy(() -> Clusters.named("flink"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("local or spark");
    assertThatThrownBy(() -> Clusters.named("spark").open(0))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("spark-submit");
  }
}
