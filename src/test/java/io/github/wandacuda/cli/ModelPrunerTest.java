package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.library.ModelPruner;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The library prunes a directory as the command line does. */
class ModelPrunerTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final Path TOKENS = TestData.GOLDEN.resolve("calibration.json");

  private static final int LENGTH = 50;

  @TempDir private Path directory;
  private Path pruned;
  private List<int[]> tokens;

  @BeforeEach
  void prepare() {
    pruned = directory.resolve("pruned");
    tokens =
        TestData.tokens(TOKENS).stream().limit(3).map(ids -> Arrays.copyOf(ids, LENGTH)).toList();
  }

  private static ModelPruner pruner() {
    return ModelPruner.of(MODEL).device("cpu", 0);
  }

  private ModelPruner resuming() {
    List<Pattern> few = List.of(Pattern.compile("q_proj"));
    return pruner().samples(tokens.subList(0, 1)).modules(few, List.of()).resume(true);
  }

  /** Prunes by the command line, and returns where. */
  private Path byCommand(Object... words) {
    Path place = directory.resolve("by-command");
    InProcess.line("prune --quiet --backend cpu --model %s --output %s", MODEL, place, words)
        .succeeds();
    return place;
  }

  private static String maskSha256(Path directory) {
    return TestData.json(directory.resolve("wanda-cuda.json")).get("mask_sha256").asText();
  }

  @Test
  void writesWhatTheCommandLineWritesByStatistics() throws Exception {
    ModelPruner.Result result =
        pruner().statistics(STATISTICS).sparsity(Sparsity.pattern(2, 4)).prune(pruned);
    Path expected = byCommand("--statistics", STATISTICS, "--pattern", "2:4");
    assertThat(result.maskSha256()).isEqualTo(maskSha256(expected));
    assertThat(result.sparsity()).isBetween(0.5, 0.51);
    assertThat(result.modules()).hasSize(42).allMatch(module -> module.relativeError().isEmpty());
    assertThat(result.modules().stream().mapToLong(module -> module.counts().pruned()).sum())
        .isEqualTo(result.pruned());
    assertSameWeights(expected, pruned);
  }

  @ParameterizedTest
  @CsvSource({"wanda, false", "wanda, true", "sparsegpt, false", "magnitude, false"})
  @FirstCases(1)
  void writesWhatTheCommandLineWritesBySamples(String method, boolean swaps) throws Exception {
    List<String> steps = new ArrayList<>();
    ModelPruner.Result result =
        pruner()
            .method(method)
            .samples(tokens)
            .swaps(swaps)
            .modules(
                List.of(Pattern.compile("q_proj|down_proj")), List.of(Pattern.compile("s\\.1\\.")))
            .listener((what, done, total, share) -> steps.add(what + " " + done + "/" + total))
            .prune(pruned);
    List<Object> words = new ArrayList<>();
    words.addAll(
        List.of("--method", method, "--include", "q_proj|down_proj", "--exclude", "s\\.1\\."));
    if (!method.equals("magnitude")) {
      words.addAll(List.of("--calibration", TOKENS, "--samples", tokens.size()));
      words.addAll(List.of("--sequence-length", LENGTH));
    }
    if (swaps) {
      words.addAll(List.of("--refine", "swaps"));
    }
    Path expected = byCommand(words.toArray());
    assertThat(result.maskSha256()).isEqualTo(maskSha256(expected));
    assertSameWeights(expected, pruned);
    assertThat(steps).isNotEmpty();
    boolean measured = swaps || method.equals("sparsegpt");
    assertThat(result.modules())
        .isNotEmpty()
        .allMatch(module -> module.relativeError().isPresent() == measured);
  }

  @Test
  void takesRecipes() throws Exception {
    Path recipe = directory.resolve("recipe.yaml");
    Files.writeString(
        recipe,
        """
        stages:
          - modules: mlp
            sparsity: 0.6
          - pattern: "2:4"
        """);
    ModelPruner.Result result = pruner().recipe(recipe).statistics(STATISTICS).prune(pruned);
    Path expected = byCommand("--recipe", recipe, "--statistics", STATISTICS);
    assertThat(result.maskSha256()).isEqualTo(maskSha256(expected));
  }

  /** Also {@code wanda-cuda.json} and the rest, but for what says how it was run. */
  private static void assertSameWeights(Path expected, Path found) throws IOException {
    assertThat(Directories.files(found)).isEqualTo(Directories.files(expected));
    for (Path file : Directories.files(expected)) {
      if (file.toString().endsWith(".safetensors")) {
        assertThat(found.resolve(file)).hasSameBinaryContentAs(expected.resolve(file));
      }
    }
  }

  @Test
  void goesOnAfterAnInterrupt() throws Exception {
    ModelPruner interrupted =
        resuming()
            .listener(
                (what, done, total, share) -> {
                  if (what.equals("block") && done == 2) {
                    Thread.currentThread().interrupt();
                  }
                });
    assertThatThrownBy(() -> interrupted.prune(pruned)).isInstanceOf(CancellationException.class);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(pruned.resolve("wanda-cuda.json")).doesNotExist();
    ModelPruner.Result result = resuming().prune(pruned);
    assertThat(result.maskSha256())
        .isEqualTo(resuming().prune(directory.resolve("whole")).maskSha256());
    ModelPruner.Result again = resuming().prune(pruned);
    assertThat(again.modules()).isEmpty();
    assertThat(again.maskSha256()).isEqualTo(result.maskSha256());
  }

  @Test
  void refusesWhatIsWrongAndLeavesNothing() throws Exception {
    assertThatThrownBy(() -> pruner().method("wnda"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'wnda'");
    assertThatThrownBy(() -> pruner().prune(pruned))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("samples or statistics");
    assertThatThrownBy(
            () -> pruner().samples(List.of(new int[] {1, 2}, new int[] {1})).prune(pruned))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 tokens in the first and 1 in number 2");
    assertThatThrownBy(() -> pruner().samples(List.of(new int[] {1, -2})).prune(pruned))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("found -2");
    assertThatThrownBy(() -> pruner().samples(List.of(new int[1 << 20])).prune(pruned))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("found 1048576");
    Path missing = directory.resolve("missing.safetensors");
    assertThatThrownBy(() -> pruner().statistics(missing).prune(pruned))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(missing.toString());
    assertThatThrownBy(() -> pruner().statistics(STATISTICS).device("cpu", 7).prune(pruned))
        .isInstanceOf(IllegalStateException.class);
    assertThat(pruned).doesNotExist();
    Files.createDirectories(pruned);
    Files.writeString(pruned.resolve("mine"), "");
    assertThatThrownBy(() -> pruner().statistics(STATISTICS).prune(pruned))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(pruned.toString());
    assertThat(pruned.resolve("mine")).exists();
  }
}
