package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.KeptStates;
import io.github.wandacuda.cluster.KeptStates.ClusterStep;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A run that loses its own process while a cluster runs samples goes on at a saved block. */
@Timeout(300)
class ClusterResumeTest {
  private static final int BLOCKS = 6;
  private static final List<int[]> SAMPLES =
      IntStream.range(0, 7).mapToObj(seed -> new Random(seed).ints(300, 0, 200).toArray()).toList();

  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out");
  }

  private static PruneRequest request(Path output, Method method, boolean resume, long seconds) {
    return new PruneRequest(
            output,
            method,
            new Sparsity.Ratio(0.5),
            ModuleChoice.DEFAULT,
            Pruning.samples(SAMPLES),
            true,
            resume,
            Unreached.MAGNITUDE)
        .with(new PruneRequest.Storage(IoMode.AUTO, Duration.ofSeconds(seconds)));
  }

  private Path expected(Method method) {
    Path expected = directory.resolve("expected");
    Pruning.prune(TestData.TINY_LLAMA, request(expected, method, false, 300), 2);
    return expected;
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

  private void stop(Method method, boolean resume, long seconds, int most) {
    Stopping cluster = new Stopping(most);
    PruneRequest request = request(output(), method, resume, seconds);
    assertThatThrownBy(() -> ClusterRuns.prune(TestData.TINY_LLAMA, request, cluster))
        .hasMessage("switched off");
    assertThat(cluster.steps).isEqualTo(most);
  }

  private void assertGoesOn(Method method, int steps) {
    Stopping cluster = new Stopping(Integer.MAX_VALUE);
    ClusterRuns.prune(TestData.TINY_LLAMA, request(output(), method, true, 300), cluster);
    assertThat(cluster.steps).isEqualTo(steps);
    Directories.assertSame(expected(method), output());
  }

  @ParameterizedTest
  @EnumSource(
      value = Method.class,
      names = {"WANDA", "SPARSEGPT"})
  @FirstCases
  void itGoesOnAfterTheLastBlockThatWasSaved(Method method) {
    stop(method, false, 0, 3);
    assertGoesOn(method, BLOCKS - 3);
  }

  @ParameterizedTest
  @EnumSource(
      value = Method.class,
      names = {"WANDA", "SPARSEGPT"})
  @FirstCases
  void itMayBeStoppedTwice(Method method) {
    stop(method, false, 0, 2);
    stop(method, true, 300, 2);
    assertGoesOn(method, BLOCKS - 2);
  }

  @Test
  void withoutSavedStatesItBeginsAnew() {
    stop(Method.SPARSEGPT, false, 300, 3);
    assertGoesOn(Method.SPARSEGPT, BLOCKS);
  }

  private Path states(int block, int batch) {
    return output().resolve(".wanda-cuda.batch-%d-%d".formatted(block, batch));
  }

  @Test
  void aMissingBatchMeansTheBlockIsNotSaved() throws IOException {
    stop(Method.WANDA, false, 0, 3);
    Files.delete(states(2, 1));
    assertGoesOn(Method.WANDA, BLOCKS);
  }

  @Test
  void otherStatesThanWereWrittenAreToldOf() throws IOException {
    stop(Method.WANDA, false, 0, 3);
    byte[] bytes = Files.readAllBytes(states(2, 0));
    bytes[100] ^= 1;
    Files.write(directory.resolve("damaged"), bytes);
    Files.move(directory.resolve("damaged"), states(2, 0), StandardCopyOption.REPLACE_EXISTING);
    PruneRequest again = request(output(), Method.WANDA, true, 0);
    assertThatThrownBy(() -> ClusterRuns.prune(TestData.TINY_LLAMA, again, ClusterRuns.local()))
        .hasMessageContaining("expected hidden states as they were written");
  }

  @Test
  void oneMachineGoesOnWithWhatAClusterBegan() {
    stop(Method.WANDA, false, 0, 3);
    Pruning.prune(TestData.TINY_LLAMA, request(output(), Method.WANDA, true, 300), 2);
    Directories.assertSame(expected(Method.WANDA), output());
  }
}
