package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.ShardPass.ShardResult;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A cluster's output is one machine's, to the byte. */
class ClusterPassTest {
  private static final Calibration STATISTICS =
      Pruning.statistics(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"));
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out");
  }

  private static PruneRequest request(
      Path output, Method method, Sparsity sparsity, Calibration norms, boolean resume) {
    return Pruning.request(output, method, sparsity, norms, true, resume);
  }

  private void assertLikeOneMachine(Method method, Sparsity sparsity, Calibration norms)
      throws IOException {
    Path expected = directory.resolve("expected");
    RunResult one = Pruning.prune(TestData.TINY_LLAMA, expected, method, sparsity, norms);
    RunResult all =
        ClusterRuns.prune(
            TestData.TINY_LLAMA,
            request(output(), method, sparsity, norms, false),
            ClusterRuns.local());
    Directories.assertSame(expected, output());
    assertThat(all.maskSha256()).isEqualTo(one.maskSha256());
    assertThat(all.modules()).hasSameSizeAs(one.modules());
    assertThat(all.zeroRows()).isEqualTo(one.zeroRows());
    assertThat(all.statistics(1, 1).norms())
        .containsOnlyKeys(one.statistics(1, 1).norms().keySet());
  }

  @Test
  void wandaIsThatOfOneMachine() throws IOException {
    assertLikeOneMachine(Method.WANDA, HALF, STATISTICS);
  }

  @Test
  void groupsAreThoseOfOneMachine() throws IOException {
    assertLikeOneMachine(Method.WANDA, new Sparsity.GroupPattern(2, 4), STATISTICS);
  }

  @Test
  void riaIsThatOfOneMachine() throws IOException {
    assertLikeOneMachine(Method.RIA, HALF, STATISTICS);
  }

  @Test
  void magnitudeIsThatOfOneMachine() throws IOException {
    assertLikeOneMachine(Method.MAGNITUDE, HALF, new Calibration.None());
  }

  /** Does tasks in the opposite order, and ends after some as if the machine were switched off. */
  private record Failing(Cluster cluster, int after) implements ClusterRuns.Over {
    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      List<? extends ClusterTask<R>> some = tasks.reversed().subList(0, after);
      cluster.run(what, some, done);
      if (after < tasks.size()) {
        throw new IllegalStateException("switched off");
      }
    }
  }

  private Path interrupted(int after) {
    PruneRequest request = request(output(), Method.WANDA, HALF, STATISTICS, false);
    assertThatThrownBy(
            () ->
                ClusterRuns.prune(
                    TestData.TINY_LLAMA, request, new Failing(ClusterRuns.local(), after)))
        .hasMessage("switched off");
    return output();
  }

  @Test
  void theOrderOfShardsMakesNoDifference() throws IOException {
    Path expected = directory.resolve("expected");
    Pruning.prune(TestData.TINY_LLAMA, expected, Method.WANDA, HALF, STATISTICS);
    PruneRequest request = request(output(), Method.WANDA, HALF, STATISTICS, false);
    ClusterRuns.prune(TestData.TINY_LLAMA, request, new Failing(ClusterRuns.local(), 3));
    Directories.assertSame(expected, output());
  }

  @Test
  void aClusterResumesWhatAClusterBegan() throws IOException {
    interrupted(2);
    Object kept = Files.getLastModifiedTime(output().resolve(shard(3)));
    Path expected = directory.resolve("expected");
    Pruning.prune(TestData.TINY_LLAMA, expected, Method.WANDA, HALF, STATISTICS);
    ClusterRuns.prune(
        TestData.TINY_LLAMA,
        request(output(), Method.WANDA, HALF, STATISTICS, true),
        ClusterRuns.local());
    Directories.assertSame(expected, output());
    assertThat(Files.getLastModifiedTime(output().resolve(shard(3)))).isEqualTo(kept);
  }

  @Test
  void oneMachineResumesWhatAClusterBegan() throws IOException {
    interrupted(1);
    Path expected = directory.resolve("expected");
    Pruning.prune(TestData.TINY_LLAMA, expected, Method.WANDA, HALF, STATISTICS);
    Pruning.prune(TestData.TINY_LLAMA, request(output(), Method.WANDA, HALF, STATISTICS, true), 2);
    Directories.assertSame(expected, output());
  }

  @Test
  void aShardThatWasDamagedMeanwhileIsWrittenAnew() throws IOException {
    interrupted(2);
    flip(output().resolve(shard(3)));
    Path expected = directory.resolve("expected");
    Pruning.prune(TestData.TINY_LLAMA, expected, Method.WANDA, HALF, STATISTICS);
    ClusterRuns.prune(
        TestData.TINY_LLAMA,
        request(output(), Method.WANDA, HALF, STATISTICS, true),
        ClusterRuns.local());
    Directories.assertSame(expected, output());
  }

  private static String shard(int number) {
    return "model-0000%d-of-00003.safetensors".formatted(number);
  }

  private static void flip(Path file) throws IOException {
    try (RandomAccessFile shard = new RandomAccessFile(file.toFile(), "rw")) {
      shard.seek(shard.length() - 1);
      int last = shard.read();
      shard.seek(shard.length() - 1);
      shard.write(last ^ 1);
    }
  }

  /** Runs something between the tasks and whoever waits for them. */
  private record Before(Cluster cluster, Runnable work) implements ClusterRuns.Over {
    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      work.run();
      cluster.run(what, tasks, done);
    }
  }

  private static Runnable longer(Path file) {
    return () -> {
      try {
        Files.writeString(file, " ", StandardOpenOption.APPEND);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  @Test
  void aMachineWithOtherFilesSaysSo() {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    PruneRequest request = request(output(), Method.WANDA, HALF, STATISTICS, false);
    Cluster elsewhere = new Before(ClusterRuns.local(), longer(model.resolve("config.json")));
    assertThatThrownBy(() -> ClusterRuns.prune(model, request, elsewhere))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("the same files on every machine");
    assertThat(output()).doesNotExist();
  }

  @Test
  void aMachineThatSharesNoOutputSaysSo() {
    Cluster elsewhere =
        new Before(
            ClusterRuns.local(),
            () -> {
              try {
                Files.delete(output().resolve(".wanda-cuda.journal"));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    PruneRequest request = request(output(), Method.WANDA, HALF, STATISTICS, false);
    assertThatThrownBy(() -> ClusterRuns.prune(TestData.TINY_LLAMA, request, elsewhere))
        .hasMessageContaining("a directory that all machines share");
  }

  /** Changes a result on its way. */
  private record Lying(Cluster cluster) implements ClusterRuns.Over {
    @Override
    @SuppressWarnings("unchecked")
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      cluster.run(what, tasks, (R result) -> done.accept((R) wrong((ShardResult) result)));
    }

    private static ShardResult wrong(ShardResult result) {
      OutputCheck.Found found = result.check().found();
      return new ShardResult(
          result.shard(),
          result.node(),
          result.tensors(),
          result.written(),
          new ShardResult.Check(
              null,
              new OutputCheck.Found(found.pruned() - 1, found.zeros(), found.prunedModules())),
          result.seconds());
    }
  }

  @Test
  void theSumOfWhatWasFoundHasToBeTheRecords() {
    PruneRequest request = request(output(), Method.WANDA, HALF, STATISTICS, false);
    assertThatThrownBy(
            () -> ClusterRuns.prune(TestData.TINY_LLAMA, request, new Lying(ClusterRuns.local())))
        .isInstanceOf(VerificationException.class)
        .hasMessageContaining("pruned");
    assertThat(output()).doesNotExist();
  }

  /** Does each task a second time when the run has finished, as a process that was given up. */
  private record Late(Cluster cluster, List<ClusterTask<?>> late) implements ClusterRuns.Over {
    Late() {
      this(ClusterRuns.local(), new ArrayList<>());
    }

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
  void anAttemptThatComesTooLateLeavesNothing() throws IOException {
    Path expected = directory.resolve("expected");
    Pruning.prune(TestData.TINY_LLAMA, expected, Method.WANDA, HALF, STATISTICS);
    ClusterRuns.prune(
        TestData.TINY_LLAMA, request(output(), Method.WANDA, HALF, STATISTICS, false), new Late());
    Directories.assertSame(expected, output());
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
