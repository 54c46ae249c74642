package io.github.wandacuda.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Commands on a real cluster that write no model, and a GPU: what is printed is what one machine
 * prints.
 */
class CommandsSparkTrials extends OnSpark {
  private static final Path GOLDEN = TestData.GOLDEN.toAbsolutePath();
  private static final Path STATISTICS = GOLDEN.resolve("wanda-50.statistics.safetensors");

  private static Path pruned;
  private static Path text;

  @BeforeAll
  static void pruneOnOneMachine() throws Exception {
    text =
        Files.writeString(
            directory.resolve("text.json"),
            TestData.tokens(GOLDEN.resolve("evaluation.json")).stream()
                .limit(8)
                .map(Arrays::toString)
                .collect(Collectors.joining(", ", "[", "]")));
    pruned = directory.resolve("pruned");
    assertThat(onOneMachine(TINY, pruned, "--statistics", STATISTICS).exitCode()).isZero();
  }

  private static List<String> errors(String output) {
    return output.lines().filter(CommandsSparkTrials::isError).toList();
  }

  /** Returns whether it is the line of an error, or the object that says the same for programs. */
  private static boolean isError(String line) {
    return line.startsWith("wanda-cuda:") || line.startsWith("{\"error\":");
  }

  /** Returns what was printed but for the errors, and for times. */
  private static String printed(String output) {
    return output
        .lines()
        .filter(text -> !isError(text))
        .map(text -> text.replaceAll("(\"seconds\" *: *)[0-9.Ee-]+", "$1-"))
        .map(text -> text + "\n")
        .reduce("", String::concat);
  }

  private static void damage(Path shard, int bytes) {
    byte[] ones = new byte[bytes];
    Arrays.fill(ones, (byte) 1);
    Damage.put(shard, -2L * bytes, ones);
  }

  /** With the program's jar before Spark's, so that what it holds has to go with Spark. */
  @Test
  void aClusterFindsTheDamageThatOneMachineFinds() throws Exception {
    Path damaged = TestData.copy(pruned, directory.resolve("damaged"));
    damage(damaged.resolve("model-00001-of-00003.safetensors"), 20_000);
    damage(damaged.resolve("model-00003-of-00003.safetensors"), 10_000);
    Object[] words =
        words(List.of("verify", "--dense", TINY, "--pruned", damaged, "--json", "--quiet"));
    Ended expected = onOneMachine(words);
    assertThat(expected.exitCode()).as(expected.said()).isEqualTo(5);
    List<String> before =
        List.of(
            SparkProcesses.DRIVER_CLASSES + SparkProcesses.PROGRAM,
            "spark.executor.extraClassPath=" + SparkProcesses.PROGRAM);
    Process run = spark.submit("verify", 2, before, words(List.of(words), "--cluster", "spark"));
    assertEnds(5, run, "verify");
    assertThat(spark.out("verify")).isEqualTo(printed(expected.said()));
    assertThat(errors(spark.log("verify"))).isEqualTo(errors(expected.said()));
  }

  private static Object[] compare(Path model, Object... more) {
    Object[] first =
        words(
            List.of("compare", "--model", model, "--text", text),
            "--calibration",
            GOLDEN.resolve("calibration.json"),
            "--samples",
            8,
            "--backend",
            "cpu",
            "--quiet");
    return words(List.of(first), more);
  }

  @Test
  void aComparisonHasTheFiguresOfOneMachine() throws Exception {
    Object[] words =
        compare(TINY, "--methods", "wanda,sparsegpt", "--pattern", "2:4,4:8", "--json");
    Ended expected = onOneMachine(words).succeeds();
    Process run = spark.submit("compare", 2, words(List.of(words), "--cluster", "spark"));
    assertEnds(0, run, "compare");
    assertThat(printed(spark.out("compare"))).isEqualTo(printed(expected.said()));
  }

  @Test
  void aComparisonTellsOfBadInputOnce() throws Exception {
    Path broken = TestData.copy(TINY, directory.resolve("broken"));
    Damage.nan(broken);
    Ended expected = onOneMachine(compare(broken));
    assertThat(expected.exitCode()).isEqualTo(3);
    Process run = spark.submit("compare-broken", 2, compare(broken, "--cluster", "spark"));
    assertEnds(3, run, "compare-broken");
    assertThat(errors(spark.log("compare-broken"))).hasSize(1).isEqualTo(errors(expected.said()));
  }

  /** The driver has no GPU, and each executor the one that Spark gives it. */
  @Test
  void executorsPruneOnTheGpusThatSparkGivesThem() throws Exception {
    PretendCudaBuild.assumePossible();
    PretendCuda.build();
    Path output = directory.resolve("gpu");
    List<String> settings =
        List.of(
            "spark.log.level=INFO",
            "spark.executor.resource.gpu.amount=1",
            "spark.executorEnv.PRETEND_CUDA_DEVICES=" + (SparkProcesses.GPU + 1),
            "spark.executorEnv.LD_LIBRARY_PATH=" + PretendCuda.DIRECTORY.toAbsolutePath());
    List<Object> words =
        Words.of("prune --model %s --output %s --statistics %s", TINY, output, STATISTICS);
    Object[] onSpark = words(words, "--cluster", "spark");
    Process run = spark.submit("gpu", 2, settings, onSpark);
    assertEnds(0, run, "gpu");
    Stream<String> lines = spark.log("gpu").lines().filter(line -> line.contains(" on cuda, "));
    assertThat(lines)
        .isNotEmpty()
        .allMatch(line -> line.contains(", GPU %d on cuda, Pretend".formatted(SparkProcesses.GPU)));
    Directories.assertSame(pruned, output);
  }
}
