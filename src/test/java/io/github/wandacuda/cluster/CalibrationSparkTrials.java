package io.github.wandacuda.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Runs from samples on a real cluster, with a kill: their output is one machine's, bit for bit. */
class CalibrationSparkTrials extends OnSpark {
  private static final int KILLED = 128 + 9;

  /** A batch for each sample. */
  private static final int LENGTH = 1100;

  private static final GeneratedLlama SMALL = new GeneratedLlama(2, 64, 192, 200);

  /** Take so long that a kill comes while samples run; and states are saved on the way. */
  private static final int BLOCKS = 10;

  private static final int MOST_BLOCKS = 100;

  private static Path small;
  private static Path samples;

  private static GeneratedLlama large(int blocks) {
    return new GeneratedLlama(blocks, 192, 528, 200);
  }

  @BeforeAll
  static void prepare() throws IOException {
    small = SMALL.write(directory.resolve("small"));
    samples = SMALL.writeSamples(directory.resolve("samples.json"), 5, LENGTH);
  }

  @Test
  @Thorough
  void threeExecutorsRunTheSamples() throws Exception {
    assertLikeOneMachine("three", 3, small, samples("--pattern", "2:4"));
  }

  private static Object[] samples(Object... options) {
    return words(
        List.of("--calibration", samples, "--samples", 5, "--sequence-length", LENGTH), options);
  }

  @Test
  void oneExecutorWritesTheSameStatistics() throws Exception {
    Path expected = directory.resolve("expected.safetensors");
    Path file = directory.resolve("file.safetensors");
    assertThat(onOneMachine(calibrate(expected)).exitCode()).isZero();
    assertEnds(0, spark.submit("one", 1, calibrate(file, "--cluster", "spark")), "one");
    assertThat(Files.mismatch(file, expected)).isEqualTo(-1);
  }

  private static Object[] calibrate(Path output, Object... options) {
    return words(
        List.of("calibrate", "--model", small, "--output", output, "--backend", "cpu"),
        samples(options));
  }

  @Test
  void anExecutorIsKilledWhileSamplesRun() throws Exception {
    int blocks = BLOCKS;
    while (!isKilledWhileSamplesRun(blocks)) {
      blocks *= 2;
      assertThat(blocks).as("blocks that are done before the kill").isLessThan(MOST_BLOCKS);
    }
    assertThat(directory.resolve("saved")).isDirectoryRecursivelyContaining("glob:**/rdd-*");
  }

  /**
   * Returns whether samples were still to be run when it was killed, which depends on the machine.
   */
  private static boolean isKilledWhileSamplesRun(int blocks) throws Exception {
    Path model = large(blocks).write(directory.resolve("large-" + blocks));
    Path expected = directory.resolve("large-expected-" + blocks);
    assertThat(onOneMachine(model, expected, samples()).exitCode()).isZero();
    String name = "killed-" + blocks;
    Path output = directory.resolve(name);
    Process run = onSpark(name, 2, model, output, samples());
    Path begun = output.resolve(".wanda-cuda.norms-0");
    boolean unused =
        SparkProcesses.await("a block", () -> Files.exists(begun) || !run.isAlive() ? true : null);
    spark.executors().stream().findFirst().ifPresent(ProcessHandle::destroyForcibly);
    Path last = output.resolve(".wanda-cuda.norms-" + (blocks - 1));
    boolean inTime = run.isAlive() && !Files.exists(last);
    assertEnds(0, run, name);
    Directories.assertSame(expected, output);
    return inTime;
  }

  /** One that needs second moments, shared out by scores of the dense model. */
  @Test
  void twoExecutorsPruneBySecondMoments() throws Exception {
    assertLikeOneMachine(
        "moments",
        2,
        small,
        samples("--refine", "swaps", "--update", "reconstruct", "--allocation", "owl"));
  }

  @Test
  void anExecutorIsKilledThenTheDriverAndAnotherGoesOn() throws Exception {
    Path large = large(BLOCKS).write(directory.resolve("large"));
    Path expected = directory.resolve("sparsegpt-expected");
    Object[] options = samples("--method", "sparsegpt", "--checkpoint-every", "0");
    assertThat(onOneMachine(large, expected, options).exitCode()).isZero();
    Path output = directory.resolve("sparsegpt");
    Process run = onSpark("sparsegpt", 2, large, output, options);
    // The files of modules, which are pruned now, are gone too soon to be waited for.
    awaitFile(output.resolve(".wanda-cuda.norms-0"), run);
    spark.executors().getFirst().destroyForcibly();
    awaitFile(output.resolve(".wanda-cuda.norms-3"), run);
    run.destroyForcibly();
    assertEnds(KILLED, run, "sparsegpt");
    assertThat(output.resolve(".wanda-cuda.norms-9")).as("it came too late").doesNotExist();
    Process again = onSpark("again", 1, large, output, words(List.of("--resume"), options));
    assertEnds(0, again, "again");
    assertThat(spark.log("again")).doesNotContain("block 1 of 10");
    Directories.assertSame(expected, output);
  }

  private static void awaitFile(Path file, Process run) throws Exception {
    Path unused =
        SparkProcesses.await(
            file.toString(), () -> Files.exists(file) || !run.isAlive() ? file : null);
    assertThat(file).exists();
  }
}
