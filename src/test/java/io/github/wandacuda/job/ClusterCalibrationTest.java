package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.KeptStates;
import io.github.wandacuda.cluster.KeptStates.ClusterStep;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Samples that a cluster runs give the bits of one machine. */
class ClusterCalibrationTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  /** Four batches, the last one smaller. */
  private static final List<int[]> SAMPLES =
      IntStream.range(0, 26)
          .mapToObj(seed -> new Random(seed).ints(256, 0, 200).toArray())
          .toList();

  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out");
  }

  private PruneRequest request(Method method, Sparsity sparsity, boolean resume) {
    return Pruning.request(output(), method, sparsity, Pruning.samples(SAMPLES), true, resume);
  }

  private Path expected(Method method, Sparsity sparsity) {
    Path expected = directory.resolve("expected");
    Pruning.prune(TestData.TINY_LLAMA, expected, method, sparsity, Pruning.samples(SAMPLES));
    return expected;
  }

  /**
   * Does every step twice from the same state, the last state first, as after the loss of a
   * process; and ends after some tasks, if told to, as if the machine were switched off.
   */
  private record Clumsy(Cluster cluster, int tasksLeft, AtomicInteger steps)
      implements ClusterRuns.Over {
    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      cluster.run(what, tasks.subList(0, Math.min(tasks.size(), tasksLeft)), done);
      if (tasks.size() > tasksLeft) {
        throw new IllegalStateException("switched off");
      }
    }

    @Override
    public <S extends Serializable> KeptStates<S> keep(List<S> states) {
      KeptStates<S> kept = cluster.keep(states.reversed());
      return new KeptStates<>() {
        @Override
        public <R extends Serializable> void step(
            String what, ClusterStep<S, R> step, Consumer<R> done) {
          steps.incrementAndGet();
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

  private static Cluster clumsy(int tasksLeft) {
    return new Clumsy(ClusterRuns.local(), tasksLeft, new AtomicInteger());
  }

  @Test
  void wandaIsThatOfOneMachine() {
    Path expected = expected(Method.WANDA, HALF);
    ClusterRuns.prune(TestData.TINY_LLAMA, request(Method.WANDA, HALF, false), ClusterRuns.local());
    Directories.assertSame(expected, output());
  }

  @Test
  void groupsAreThoseOfOneMachineInWhateverOrder() {
    Sparsity groups = new Sparsity.GroupPattern(2, 4);
    Path expected = expected(Method.WANDA, groups);
    ClusterRuns.prune(
        TestData.TINY_LLAMA, request(Method.WANDA, groups, false), clumsy(Integer.MAX_VALUE));
    Directories.assertSame(expected, output());
  }

  @Test
  void riaIsThatOfOneMachine() {
    Path expected = expected(Method.RIA, HALF);
    ClusterRuns.prune(TestData.TINY_LLAMA, request(Method.RIA, HALF, false), ClusterRuns.local());
    Directories.assertSame(expected, output());
  }

  @Test
  void normsAreKeptForARunThatIsResumed() {
    PruneRequest request = request(Method.WANDA, HALF, false);
    assertThatThrownBy(() -> ClusterRuns.prune(TestData.TINY_LLAMA, request, clumsy(1)))
        .hasMessage("switched off");
    assertThat(output().resolve("wanda-cuda.json")).doesNotExist();
    AtomicInteger steps = new AtomicInteger();
    ClusterRuns.prune(
        TestData.TINY_LLAMA,
        request(Method.WANDA, HALF, true),
        new Clumsy(ClusterRuns.local(), Integer.MAX_VALUE, steps));
    assertThat(steps).hasValue(0);
    Directories.assertSame(expected(Method.WANDA, HALF), output());
  }

  @Test
  void oneMachineResumesWhatAClusterBegan() {
    PruneRequest request = request(Method.WANDA, HALF, false);
    assertThatThrownBy(() -> ClusterRuns.prune(TestData.TINY_LLAMA, request, clumsy(1)))
        .hasMessage("switched off");
    Pruning.prune(TestData.TINY_LLAMA, request(Method.WANDA, HALF, true), 2);
    Directories.assertSame(expected(Method.WANDA, HALF), output());
  }

  @Test
  void theDenseModelsNormsAreThoseOfOneMachine() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2);
        Decoder decoder = DecoderFamilies.open(model, backend.operations());
        Cluster cluster = ClusterRuns.local()) {
      Statistics one = DenseCalibration.run(decoder, backend.operations(), SAMPLES, Progress.NONE);
      Statistics all =
          ClusterCalibration.dense(new OnCluster(cluster, ClusterRuns.CPU), model)
              .run(SAMPLES, Progress.NONE);
      assertThat(all.norms()).containsOnlyKeys(one.norms().keySet());
      all.norms().forEach((module, norms) -> assertThat(norms).isEqualTo(one.norms().get(module)));
      assertThat(all.metadata()).isEqualTo(one.metadata());
    }
  }

  @Test
  void badInputIsSaidAsOnOneMachine() throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    try (RandomAccessFile shard =
        new RandomAccessFile(model.resolve("model-00002-of-00003.safetensors").toFile(), "rw")) {
      shard.seek(shard.length() - 2 * 192 * 64);
      shard.write(new byte[] {(byte) 0xc0, 0x7f, (byte) 0xc0, 0x7f, (byte) 0xc0, 0x7f});
    }
    List<String> messages = new ArrayList<>();
    PruneRequest request = request(Method.WANDA, HALF, false);
    assertThatThrownBy(() -> Pruning.prune(model, request, 2))
        .isInstanceOf(InputException.class)
        .satisfies(failure -> messages.add(failure.getMessage()));
    assertThatThrownBy(() -> ClusterRuns.prune(model, request, ClusterRuns.local()))
        .isInstanceOf(InputException.class)
        .satisfies(failure -> assertThat(messages).containsExactly(failure.getMessage()));
    assertThat(Files.exists(output())).isFalse();
  }

  /** Makes the first process that is asked another one than those that do the work. */
  private record OtherBits(Cluster cluster) implements ClusterRuns.Over {
    @Override
    @SuppressWarnings("unchecked")
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      cluster.run(
          what, tasks, (R result) -> done.accept(result instanceof String ? (R) "gpu" : result));
    }
  }

  @Test
  void aMachineThatComputesOtherBitsSaysSo() {
    PruneRequest request = request(Method.WANDA, HALF, false);
    assertThatThrownBy(
            () ->
                ClusterRuns.prune(TestData.TINY_LLAMA, request, new OtherBits(ClusterRuns.local())))
        .isInstanceOf(BackendUnavailableException.class)
        .hasMessageContaining("expected the bits of the other machines, gpu, found cpu");
  }
}
