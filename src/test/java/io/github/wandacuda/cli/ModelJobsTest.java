package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.library.ModelJobs;
import io.github.wandacuda.library.ModelPruner;
import io.github.wandacuda.library.SampleSource;
import io.github.wandacuda.library.TextSource;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The library's calls give the numbers and files of the command line. */
class ModelJobsTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final Path TOKENS = TestData.GOLDEN.resolve("calibration.json");
  private static final SampleSource SAMPLES = SampleSource.file(TOKENS).count(2).length(50);

  @TempDir private Path directory;

  private static ModelJobs jobs(Path model) {
    return ModelJobs.of(model).device("cpu", 0);
  }

  private static JsonNode command(String line, Object... values) {
    return InProcess.line(line + " --json --quiet", values).succeeds().json();
  }

  private static void assertSameShards(Path expected, Path found) throws IOException {
    try (Stream<Path> files = Files.list(expected)) {
      assertThat(files.filter(file -> file.toString().endsWith(".safetensors")).toList())
          .isNotEmpty()
          .allSatisfy(
              shard ->
                  assertThat(found.resolve(shard.getFileName())).hasSameBinaryContentAs(shard));
    }
  }

  @Test
  void inspects() throws IOException {
    ModelJobs.Inspection found = jobs(MODEL).inspect();
    JsonNode expected = command("inspect --model %s", MODEL);
    assertThat(found.parameters()).isEqualTo(expected.get("parameters").asLong());
    assertThat(found.bytes()).isEqualTo(expected.get("bytes").asLong());
    assertThat(found.zeros()).isEqualTo(expected.get("zeros").asLong());
    assertThat(found.modules().stream().map(ModelJobs.LinearLayer::name))
        .containsExactlyElementsOf(expected.get("modules").findValuesAsText("name"));
  }

  @Test
  void measuresPerplexity() throws IOException {
    ModelJobs.PerplexityResult found = jobs(MODEL).perplexity(TextSource.of(TOKENS).withWindows(2));
    JsonNode expected =
        command("perplexity --backend cpu --model %s --text %s --windows 2", MODEL, TOKENS);
    assertThat(found.perplexity()).isEqualTo(expected.get("perplexity").asDouble());
    assertThat(found.windows()).isEqualTo(2);
    assertThat(found.tokens()).isEqualTo(expected.get("tokens").asLong());
  }

  @Test
  void calibrates() throws IOException {
    Path written = directory.resolve("norms.safetensors");
    ModelJobs.CalibrationResult found = jobs(MODEL).calibrate(SAMPLES, written);
    assertThat(found).isEqualTo(new ModelJobs.CalibrationResult(42, 2, 50));
    Path expected = directory.resolve("by-command.safetensors");
    InProcess.line(
            "calibrate --quiet --backend cpu --model %s --calibration %s --samples 2"
                + " --sequence-length 50 --output %s",
            MODEL, TOKENS, expected)
        .succeeds();
    assertThat(written).hasSameBinaryContentAs(expected);
    assertThatThrownBy(() -> jobs(MODEL).calibrate(SAMPLES, written))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(written + ": expected no such file, found one");
  }

  @Test
  void convertsIntoAFile() throws IOException {
    Path file = directory.resolve("converted.gguf");
    ModelJobs.ConvertResult result = jobs(MODEL).convert(file, "Q8_0");
    assertThat(file).hasSize(result.bytesAfter());
    assertThat(result.types()).containsOnlyKeys("F32", "Q8_0");
    assertThat(result.modules()).isPositive();
    assertThat(result.bytesBefore()).isGreaterThan(result.bytesAfter());
    assertThatThrownBy(() -> jobs(MODEL).convert(file, "Q8_0"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void packsUnpacksAndProves() throws IOException {
    Path pruned = directory.resolve("pruned");
    ModelPruner.of(MODEL).device("cpu", 0).statistics(STATISTICS).prune(pruned);
    Path packed = directory.resolve("packed");
    ModelJobs.PackResult sizes = jobs(pruned).pack(packed);
    assertThat(sizes.modules()).isEqualTo(42);
    assertThat(sizes.bytesAfter()).isLessThan(sizes.bytesBefore());
    assertThat(jobs(MODEL).verify(packed).holds()).isTrue();
    Path unpacked = directory.resolve("unpacked");
    jobs(packed).unpack(unpacked);
    assertSameShards(pruned, unpacked);
    ModelJobs.Proof swapped = jobs(pruned).verify(MODEL);
    assertThat(swapped.holds()).isFalse();
    assertThat(swapped.failures()).isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource({"alps, uniform", "reconstruct, uniform", "none, dlp"})
  void prunesAsTheCommandLineDoes(String update, String allocation) throws IOException {
    Path pruned = directory.resolve("pruned");
    ModelPruner pruner =
        ModelPruner.of(MODEL)
            .device("cpu", 0)
            .calibration(SAMPLES)
            .sparsity(Sparsity.ratio(0.5))
            .modules(List.of(Pattern.compile("q_proj")), List.of())
            .allocation(allocation);
    String more = "";
    if (!update.equals("none")) {
      pruner.update(update);
      more = " --update " + update;
    }
    ModelPruner.Result result = pruner.prune(pruned);
    Path expected = directory.resolve("by-command");
    InProcess.line(
            "prune --quiet --backend cpu --model %s --calibration %s --samples 2"
                + " --sequence-length 50 --include q_proj --allocation %s --output %s"
                + more,
            MODEL,
            TOKENS,
            allocation,
            expected)
        .succeeds();
    assertThat(result.maskSha256())
        .isEqualTo(TestData.json(expected.resolve("wanda-cuda.json")).get("mask_sha256").asText());
    assertSameShards(expected, pruned);
    ModelJobs.Proof proof = jobs(MODEL).verify(pruned);
    assertThat(proof.holds()).isTrue();
    assertThat(proof.unproven().isEmpty()).isEqualTo(update.equals("none"));
  }

  @Test
  void refusesWhatItDoesNotKnow() throws IOException {
    ModelPruner pruner = ModelPruner.of(MODEL);
    assertThatThrownBy(() -> pruner.update("refit"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("update: expected one of reconstruct, alps, realign, tune, none");
    assertThatThrownBy(() -> pruner.allocation("evenly"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("allocation: expected one of");
    Path recipe =
        Files.writeString(
            directory.resolve("parts.yaml"),
            "stages:\n  - structure: blocks\n    remove: 1\n  - sparsity: 0.5\n");
    assertThatThrownBy(
            () ->
                ModelPruner.of(MODEL)
                    .statistics(STATISTICS)
                    .recipe(recipe)
                    .prune(directory.resolve("pruned")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("found one that removes parts");
  }
}
