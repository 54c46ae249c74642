package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.KeptStates;
import io.github.wandacuda.cluster.KeptStates.ClusterStep;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.SparsityParser;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Methods that need second moments give one machine's bytes on a cluster too. */
@Timeout(300)
class ClusterMomentsTest {
  private static final ModuleRules SPARSEGPT = rules("sparsegpt", "0.5");

  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out");
  }

  private static ModuleRules rules(String what, String amount) {
    Sparsity sparsity =
        amount.contains(":")
            ? SparsityParser.pattern(amount)
            : new Sparsity.Ratio(Double.parseDouble(amount));
    ModuleRules rules = ModuleRules.of(what, sparsity, EnumSet.allOf(Method.class), "method");
    return rules.swaps() ? rules.with(MethodKey.REFINE_SWAPS, 20) : rules;
  }

  /** Each length is no multiple of the rows that are summed in a run. */
  private static List<int[]> samples(int count, int length) {
    return IntStream.range(0, count)
        .mapToObj(seed -> new Random(seed).ints(length, 0, 60).toArray())
        .toList();
  }

  private static PruneRequest request(
      Path output, PruningRules rules, List<int[]> samples, boolean resume) {
    return new PruneRequest(
        output,
        rules,
        ModuleChoice.DEFAULT,
        Pruning.samples(samples),
        true,
        resume,
        null,
        Optional.empty());
  }

  private void assertLikeOneMachine(
      Path model, PruningRules rules, List<int[]> samples, Cluster cluster) {
    Path expected = directory.resolve("expected");
    RunResult one = Pruning.prune(model, request(expected, rules, samples, false), 2);
    RunResult all = ClusterRuns.prune(model, request(output(), rules, samples, false), cluster);
    Directories.assertSame(expected, output());
    assertThat(all.maskSha256()).isEqualTo(one.maskSha256());
    for (int index = 0; index < one.modules().size(); index++) {
      assertThat(all.modules().get(index).errors()).isEqualTo(one.modules().get(index).errors());
      assertThat(all.modules().get(index).norms()).isEqualTo(one.modules().get(index).norms());
    }
  }

  private static PruningRules common(ModuleRules rules) {
    return new PruningRules(rules, Unreached.MAGNITUDE);
  }

  @ParameterizedTest
  @CsvSource({
    "sparsegpt, 0.5, 1, 4, 300",
    "sparsegpt, 2:4, 2, 7, 300",
    "wanda+swaps, 0.5, 2, 4, 300",
    "wanda+swaps, 2:4, 3, 3, 700",
    "wanda+reconstruct, 0.5, 3, 4, 300",
    "ria+swaps+reconstruct, 0.6, 3, 7, 300",
    "magnitude+reconstruct, 4:8, 2, 5, 300",
    "sparsegpt+reconstruct, 0.5, 3, 1, 300",
    "wanda+reconstruct, 0.5, 2, 3, 2",
  })
  @FirstCases
  void methodsAreThoseOfOneMachine(
      String what, String amount, int workers, int samples, int length) {
    assertLikeOneMachine(
        TestData.TINY_LLAMA,
        common(rules(what, amount)),
        samples(samples, length),
        ClusterRuns.Several.of(workers));
  }

  /** Experts that no token reaches, layers that are stored the other way round, parallel blocks. */
  @ParameterizedTest
  @ValueSource(strings = {"mixtral", "qwen2_moe", "gpt2", "gpt_neox", "opt-350m"})
  @FirstCases
  void familiesAreThoseOfOneMachine(String family) {
    assertLikeOneMachine(
        TestData.fixture(family).resolve("model"),
        common(rules("wanda+swaps+reconstruct", "0.5")),
        samples(5, 3),
        ClusterRuns.Several.of(3));
  }

  @Test
  void partsOfARunAndSharesAreThoseOfOneMachine() {
    PruningRules parts =
        new PruningRules(
            ModuleRules.of(Method.WANDA, new Sparsity.Ratio(0.5)),
            List.of(
                new PruningRules.Part(Pattern.compile(".*down_proj"), SPARSEGPT),
                new PruningRules.Part(Pattern.compile(".*q_proj"), rules("ria+swaps", "2:4"))),
            Map.of("model.layers.1.mlp.up_proj", 0.25),
            Unreached.MAGNITUDE,
            Set.of());
    assertLikeOneMachine(TestData.TINY_LLAMA, parts, samples(7, 300), ClusterRuns.Several.of(2));
  }

  /** Notes what tasks say of themselves. */
  private record Noting(Cluster cluster, List<String> noted) implements ClusterRuns.Over {
    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      tasks.forEach(task -> noted.add(task.toString()));
      cluster.run(what, tasks, done);
    }
  }

  /** Sums in double are exact so often that their order hardly ever shows in the bits. */
  @Test
  @Thorough
  void batchesAreSummedInTheirOrder() {
    List<String> tasks = new ArrayList<>();
    Cluster cluster = new Noting(ClusterRuns.Several.of(3), tasks);
    PruneRequest request = request(output(), common(SPARSEGPT), samples(26, 300), false);
    ClusterRuns.prune(TestData.TINY_LLAMA, request, cluster);
    List<List<String>> orders =
        tasks.stream()
            .map(task -> Pattern.compile("batch=(\\d+)").matcher(task))
            .map(found -> found.results().map(each -> each.group(1)).toList())
            .filter(order -> !order.isEmpty())
            .toList();
    assertThat(orders).hasSize(6 * 4).allMatch(List.of("0", "1", "2", "3", "4")::equals);
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
  void batchesOfALostProcessRunAgain() {
    assertLikeOneMachine(
        TestData.TINY_LLAMA,
        common(SPARSEGPT),
        samples(7, 300),
        new Forgetful(ClusterRuns.Several.of(2)));
  }

  /** Fails after some calls that do tasks, the last after half of its tasks. */
  private static final class Failing implements ClusterRuns.Over {
    private final Cluster cluster = ClusterRuns.Several.of(2);
    private int left;

    Failing(int left) {
      this.left = left;
    }

    @Override
    public Cluster cluster() {
      return cluster;
    }

    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      boolean last = --left == 0;
      cluster.run(what, last ? tasks.subList(0, tasks.size() / 2) : tasks, done);
      if (last) {
        throw new IllegalStateException("switched off");
      }
    }
  }

  private void interrupt(int after) {
    PruneRequest request = request(output(), common(SPARSEGPT), samples(7, 300), false);
    assertThatThrownBy(() -> ClusterRuns.prune(TestData.TINY_LLAMA, request, new Failing(after)))
        .hasMessage("switched off");
    assertThat(output().resolve("wanda-cuda.json")).doesNotExist();
  }

  private Path expected() {
    Path expected = directory.resolve("expected");
    Pruning.prune(
        TestData.TINY_LLAMA, request(expected, common(SPARSEGPT), samples(7, 300), false), 2);
    return expected;
  }

  /** The first call asks for the device, the following six prune blocks, the last writes shards. */
  @ParameterizedTest
  @ValueSource(ints = {2, 5, 8})
  void aRunThatWasInterruptedGoesOn(int after) throws IOException {
    interrupt(after);
    try (Stream<Path> files = Files.list(output())) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.contains(".inputs-"));
    }
    ClusterRuns.prune(
        TestData.TINY_LLAMA,
        request(output(), common(SPARSEGPT), samples(7, 300), true),
        ClusterRuns.Several.of(3));
    Directories.assertSame(expected(), output());
  }

  @Test
  void oneMachineGoesOnWithWhatAClusterBegan() {
    interrupt(8);
    Pruning.prune(
        TestData.TINY_LLAMA, request(output(), common(SPARSEGPT), samples(7, 300), true), 2);
    Directories.assertSame(expected(), output());
  }

  @Test
  void aModuleThatWasDamagedMeanwhileIsToldOf() throws IOException {
    interrupt(8);
    Path file = output().resolve(".wanda-cuda.module-41");
    try (RandomAccessFile module = new RandomAccessFile(file.toFile(), "rw")) {
      module.seek(module.length() - 1);
      int last = module.read();
      module.seek(module.length() - 1);
      module.write(last ^ 1);
    }
    PruneRequest again = request(output(), common(SPARSEGPT), samples(7, 300), true);
    assertThatThrownBy(() -> ClusterRuns.prune(TestData.TINY_LLAMA, again, ClusterRuns.local()))
        .hasMessageContaining(".wanda-cuda.module-41")
        .hasMessageContaining("expected the module as it was written");
  }

  @Test
  void badInputIsSaidAsOnOneMachineAndLeavesNothing() throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    try (RandomAccessFile shard =
        new RandomAccessFile(model.resolve("model-00002-of-00003.safetensors").toFile(), "rw")) {
      shard.seek(shard.length() - 2 * 192 * 64);
      shard.write(new byte[] {(byte) 0xc0, 0x7f});
    }
    List<String> messages = new ArrayList<>();
    PruneRequest request = request(output(), common(SPARSEGPT), samples(7, 300), false);
    assertThatThrownBy(() -> Pruning.prune(model, request, 2))
        .isInstanceOf(InputException.class)
        .satisfies(failure -> messages.add(failure.getMessage()));
    assertThatThrownBy(() -> ClusterRuns.prune(model, request, ClusterRuns.local()))
        .isInstanceOf(InputException.class)
        .satisfies(failure -> assertThat(messages).containsExactly(failure.getMessage()));
    assertThat(output()).doesNotExist();
  }
}
