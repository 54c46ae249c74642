package io.github.wandacuda.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Runs from statistics on a real cluster, with kills: their output is one machine's, bit for bit.
 */
class StatisticsSparkTrials extends OnSpark {
  private static final Path GOLDEN =
      TestData.GOLDEN.resolve("wanda-50.statistics.safetensors").toAbsolutePath();
  private static final int KILLED = 128 + 9;

  /** Large enough that a kill comes in the midst of a run. */
  private static final GeneratedLlama LARGE = new GeneratedLlama(32, 512, 1408, 1000);

  private static Path large;
  private static Path largeStatistics;
  private static Path largeExpected;

  @BeforeAll
  static void prepare() throws Exception {
    large = LARGE.write(directory.resolve("large"));
    largeStatistics = LARGE.writeStatistics(directory.resolve("large.safetensors"));
    largeExpected = directory.resolve("large-expected");
    onOneMachine(large, largeExpected, "--statistics", largeStatistics);
  }

  @Test
  void oneExecutorWritesTheSame() throws Exception {
    assertLikeOneMachine("one", 1, TINY, "--statistics", GOLDEN, "--json");
    assertThat(spark.out("one")).startsWith("{").contains("\"mask_sha256\"");
  }

  @Test
  @Thorough
  void twoExecutorsWriteTheSameGroups() throws Exception {
    assertLikeOneMachine("two", 2, TINY, "--statistics", GOLDEN, "--pattern", "2:4");
  }

  @Test
  void threeExecutorsWriteTheSameByMagnitude() throws Exception {
    assertLikeOneMachine("three", 3, TINY, "--method", "magnitude");
  }

  private static Path awaitShards(Path output, int count) throws Exception {
    return SparkProcesses.await(
        count + " shards",
        () -> {
          if (!Files.isDirectory(output)) {
            return null;
          }
          long there =
              TestData.names(output).stream().filter(name -> name.startsWith("model-")).count();
          return there >= count ? output : null;
        });
  }

  @Test
  void anExecutorIsKilled() throws Exception {
    Path output = directory.resolve("killed");
    Process run = onSpark("killed", 2, large, output, "--statistics", largeStatistics);
    awaitShards(output, 2);
    spark.executors().getFirst().destroyForcibly();
    assertThat(output.resolve("wanda-cuda.json")).as("it came too late").doesNotExist();
    assertEnds(0, run, "killed");
    Directories.assertSame(largeExpected, output);
  }

  @Test
  @Thorough
  void theDriverIsKilledAndTheRunResumed() throws Exception {
    Path output = directory.resolve("resumed");
    Process run = onSpark("resumed", 2, large, output, "--statistics", largeStatistics);
    awaitShards(output, 3);
    run.destroyForcibly();
    assertEnds(KILLED, run, "resumed");
    assertThat(output.resolve("wanda-cuda.json")).doesNotExist();
    Process again = onSpark("again", 2, large, output, "--statistics", largeStatistics, "--resume");
    assertEnds(0, again, "again");
    Directories.assertSame(largeExpected, output);
  }

  @Test
  void badInputIsOneLineAndLeavesNothing() throws Exception {
    Path broken = TestData.copy(TINY, directory.resolve("broken"));
    Damage.nan(broken);
    Ended expected =
        onOneMachine(broken, directory.resolve("broken-1"), "--statistics", GOLDEN, "--quiet");
    assertThat(expected.exitCode()).isEqualTo(3);
    String line =
        expected.said().lines().filter(text -> text.startsWith("wanda-cuda:")).findFirst().get();
    Path output = directory.resolve("broken-2");
    Process run = onSpark("broken", 2, broken, output, "--statistics", GOLDEN, "--quiet");
    assertEnds(3, run, "broken");
    assertThat(spark.log("broken").lines().filter(text -> text.startsWith("wanda-cuda:")))
        .containsExactly(line);
    assertThat(output).doesNotExist();
  }

  @Test
  void aRunIsCancelledAndAnotherFollows() throws Exception {
    Path output = directory.resolve("cancelled");
    Process run = onSpark("cancelled", 2, large, output, "--statistics", largeStatistics);
    awaitShards(output, 2);
    Command.of("kill", "-INT", Long.toString(run.pid())).within(SECONDS).run();
    assertEnds(130, run, "cancelled");
    Process again =
        onSpark("follows", 1, large, output, "--statistics", largeStatistics, "--resume");
    assertEnds(0, again, "follows");
    Directories.assertSame(largeExpected, output);
  }

  @Test
  void twoRunsShareTheCluster() throws Exception {
    Path left = directory.resolve("left");
    Path right = directory.resolve("right");
    Process one = onSpark("left", 1, large, left, "--statistics", largeStatistics);
    Process other = onSpark("right", 1, large, right, "--statistics", largeStatistics);
    assertEnds(0, one, "left");
    assertEnds(0, other, "right");
    Directories.assertSame(largeExpected, left);
    Directories.assertSame(largeExpected, right);
  }
}
