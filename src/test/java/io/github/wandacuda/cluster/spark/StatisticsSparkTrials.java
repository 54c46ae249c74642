package io.github.wandacuda.cluster.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.ProcessOutcome;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs from statistics on a real cluster, with kills: their output is one machine's, bit for bit.
 */
class StatisticsSparkTrials {
  private static final Path GOLDEN =
      TestData.GOLDEN.resolve("wanda-50.statistics.safetensors").toAbsolutePath();
  private static final Path TINY = TestData.TINY_LLAMA.toAbsolutePath();
  private static final long SECONDS = 120;
  private static final int KILLED = 128 + 9;

  /** Large enough that a kill comes in the midst of a run. */
  private static final GeneratedLlama LARGE = new GeneratedLlama(32, 512, 1408, 1000);

  @TempDir static Path directory;

  private static SparkProcesses spark;
  private static Path large;
  private static Path largeStatistics;
  private static Path largeExpected;

  @BeforeAll
  static void start() throws Exception {
    large = LARGE.write(directory.resolve("large"));
    largeStatistics = LARGE.writeStatistics(directory.resolve("large.safetensors"));
    largeExpected = directory.resolve("large-expected");
    onOneMachine(large, largeExpected, "--statistics", largeStatistics);
    spark = new SparkProcesses(directory);
  }

  @AfterAll
  static void stop() throws InterruptedException {
    spark.close();
  }

  private static Object[] prune(Path model, Path output, Object... options) {
    List<Object> words =
        new ArrayList<>(List.of("prune", "--model", model, "--output", output, "--backend", "cpu"));
    words.addAll(Arrays.asList(options));
    return words.toArray();
  }

  private static ProcessOutcome onOneMachine(Path model, Path output, Object... options)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-jar", "target/wanda-cuda.jar"));
    Stream.of(prune(model, output, options)).map(Object::toString).forEach(command::add);
    return ProcessOutcome.of(command, SECONDS);
  }

  private static Process onSpark(
      String name, int executors, Path model, Path output, Object... options) throws IOException {
    List<Object> words = new ArrayList<>(Arrays.asList(options));
    words.addAll(List.of("--cluster", "spark"));
    return spark.submit(name, executors, prune(model, output, words.toArray()));
  }

  private static int end(Process process) throws InterruptedException {
    assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }

  private static void assertEnds(int expected, Process process, String name) throws Exception {
    assertThat(end(process)).as(spark.log(name)).isEqualTo(expected);
  }

  private static void assertSame(Path expected, Path actual) throws IOException {
    assertThat(TestData.names(actual)).isEqualTo(TestData.names(expected));
    for (String file : TestData.names(expected)) {
      assertThat(Files.mismatch(actual.resolve(file), expected.resolve(file)))
          .as(file)
          .isEqualTo(-1);
    }
  }

  private static void assertLikeOneMachine(String name, int executors, Object... options)
      throws Exception {
    Path expected = directory.resolve(name + "-expected");
    assertThat(onOneMachine(TINY, expected, options).exitCode()).isZero();
    Path output = directory.resolve(name);
    assertEnds(0, onSpark(name, executors, TINY, output, options), name);
    assertSame(expected, output);
  }

  @Test
  void oneExecutorWritesTheSame() throws Exception {
    assertLikeOneMachine("one", 1, "--statistics", GOLDEN, "--json");
    assertThat(spark.out("one")).startsWith("{").contains("\"mask_sha256\"");
  }

  @Test
  void twoExecutorsWriteTheSameGroups() throws Exception {
    assertLikeOneMachine("two", 2, "--statistics", GOLDEN, "--pattern", "2:4");
  }

  @Test
  void threeExecutorsWriteTheSameByMagnitude() throws Exception {
    assertLikeOneMachine("three", 3, "--method", "magnitude");
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
    assertSame(largeExpected, output);
  }

  @Test
  void theDriverIsKilledAndTheRunResumed() throws Exception {
    Path output = directory.resolve("resumed");
    Process run = onSpark("resumed", 2, large, output, "--statistics", largeStatistics);
    awaitShards(output, 3);
    run.destroyForcibly();
    assertEnds(KILLED, run, "resumed");
    assertThat(output.resolve("wanda-cuda.json")).doesNotExist();
    Process again = onSpark("again", 2, large, output, "--statistics", largeStatistics, "--resume");
    assertEnds(0, again, "again");
    assertSame(largeExpected, output);
  }

  @Test
  void badInputIsOneLineAndLeavesNothing() throws Exception {
    Path broken = TestData.copy(TINY, directory.resolve("broken"));
    try (RandomAccessFile shard =
        new RandomAccessFile(broken.resolve("model-00002-of-00003.safetensors").toFile(), "rw")) {
      shard.seek(shard.length() - 2 * 192 * 64);
      shard.write(new byte[] {(byte) 0xc0, 0x7f, (byte) 0xc0, 0x7f, (byte) 0xc0, 0x7f});
    }
    ProcessOutcome expected =
        onOneMachine(broken, directory.resolve("broken-1"), "--statistics", GOLDEN, "--quiet");
    assertThat(expected.exitCode()).isEqualTo(3);
    String line =
        expected.output().lines().filter(text -> text.startsWith("wanda-cuda:")).findFirst().get();
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
    ProcessOutcome.of(List.of("kill", "-INT", Long.toString(run.pid())), SECONDS);
    assertEnds(130, run, "cancelled");
    Process again =
        onSpark("follows", 2, large, output, "--statistics", largeStatistics, "--resume");
    assertEnds(0, again, "follows");
    assertSame(largeExpected, output);
  }

  @Test
  void twoRunsShareTheCluster() throws Exception {
    Path left = directory.resolve("left");
    Path right = directory.resolve("right");
    Process one = onSpark("left", 1, large, left, "--statistics", largeStatistics);
    Process other = onSpark("right", 1, large, right, "--statistics", largeStatistics);
    assertEnds(0, one, "left");
    assertEnds(0, other, "right");
    assertSame(largeExpected, left);
    assertSame(largeExpected, right);
  }
}
