package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.library.ModelJobs;
import io.github.wandacuda.library.ModelPruner;
import io.github.wandacuda.library.SampleSource;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A pruner that is told as much as the command line writes the same directory, to the byte. */
class LibraryPruningTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final Path TOKENS = TestData.GOLDEN.resolve("calibration.json");

  @TempDir private Path directory;

  private static ModelPruner pruner(Path model) {
    return ModelPruner.of(model).device("cpu", 0);
  }

  private Path command(String line, Object... values) {
    Path output = directory.resolve("by-command");
    InProcess.line("prune --quiet --backend cpu --output " + output + " " + line, values)
        .succeeds();
    return output;
  }

  private static void assertRefused(ThrowingCallable call, String message) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  private Path masks(String name, String more) {
    Path file = directory.resolve(name);
    InProcess.line(
            "prune --quiet --backend cpu --model %s --save-masks %s --output %s " + more,
            MODEL,
            file,
            directory.resolve(name + ".model"))
        .succeeds();
    return file;
  }

  @Test
  void boundsSwapsAsTheCommandDoes() throws IOException {
    Path pruned = directory.resolve("pruned");
    pruner(MODEL)
        .calibration(SampleSource.file(TOKENS).count(2).length(50))
        .modules(List.of(Pattern.compile("q_proj")), List.of())
        .swapsInRow(3)
        .prune(pruned);
    Directories.assertSame(
        command(
            "--model %s --calibration %s --samples 2 --sequence-length 50 --include q_proj"
                + " --refine swaps --refine-swaps 3",
            MODEL, TOKENS),
        pruned);
    assertThat(TestData.json(pruned.resolve("wanda-cuda.json")).get("refine_swaps").asInt())
        .isEqualTo(3);
  }

  @Test
  void combinesMasksAsTheCommandDoes() throws IOException {
    Path one = masks("one.safetensors", "--statistics " + STATISTICS);
    Path other = masks("other.safetensors", "--method magnitude");
    for (String combination : List.of("intersection", "union")) {
      Path pruned = directory.resolve(combination);
      pruner(MODEL).masks(List.of(one, other), combination.equals("union")).prune(pruned);
      Path expected =
          command(
              "--model %s --method masks --masks %s --masks %s --combine-masks %s",
              MODEL, one, other, combination);
      Directories.assertSame(expected, pruned);
      Directories.remove(expected);
    }
  }

  @Test
  void keepsWhatNoSampleReached() throws IOException {
    Path mixture = TestData.STRUCTURED.resolve("tiny-moe/model");
    Path file = TestData.STRUCTURED.resolve("tiny-moe/calibration.json");
    Path pruned = directory.resolve("pruned");
    SampleSource one = SampleSource.file(file).count(1).length(2);
    pruner(mixture).calibration(one).unreached("keep").prune(pruned);
    Directories.assertSame(
        command(
            "--model %s --calibration %s --samples 1 --sequence-length 2 --unreached keep",
            mixture, file),
        pruned);
    assertThat(TestData.json(pruned.resolve("wanda-cuda.json")).get("kept")).isNotEmpty();
    assertThatThrownBy(
            () ->
                pruner(mixture).calibration(one).unreached("fail").prune(directory.resolve("none")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no sample reached it; give more samples");
  }

  @Test
  void roundsToCodesWithARecipeToo() throws IOException {
    Path model = Path.of("testdata/quantized/fp8-tensor-llama-gqa/model");
    Path recipe =
        Files.writeString(
            directory.resolve("recipe.yaml"),
            "stages:\n  - sparsity: 0.5\n    update: reconstruct\n");
    Path tokens =
        Files.writeString(directory.resolve("tokens.json"), "[[1,2,3,4,5,6],[6,5,4,3,2,1]]");
    SampleSource samples = SampleSource.file(tokens).count(2);
    Path pruned = directory.resolve("pruned");
    pruner(model).calibration(samples).recipe(recipe).requantize(true).prune(pruned);
    Directories.assertSame(
        command(
            "--model %s --calibration %s --samples 2 --recipe %s --requantize",
            model, tokens, recipe),
        pruned);
    assertThatThrownBy(
            () ->
                pruner(model).calibration(samples).recipe(recipe).prune(directory.resolve("none")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("`requantize` rounds them");
  }

  @Test
  void prunesInPartsAsTheCommandDoes() throws IOException {
    Path output = directory.resolve("pruned");
    ModelPruner pruner = pruner(MODEL).statistics(STATISTICS);
    ModelPruner.PartResult second = pruner.prunePart(output, 2, 2);
    assertThat(second.done()).isEqualTo(1);
    assertThat(second.whole()).isEmpty();
    assertThat(second.modules()).hasSizeBetween(1, 41);
    ModelPruner.PartResult first = pruner.prunePart(output, 1, 2);
    assertThat(first.done()).isEqualTo(2);
    assertThat(first.modules()).hasSize(42);
    Path expected = command("--model %s --statistics %s", MODEL, STATISTICS);
    Directories.assertSame(expected, output);
    assertThat(first.whole().orElseThrow().maskSha256())
        .isEqualTo(TestData.json(expected.resolve("wanda-cuda.json")).get("mask_sha256").asText());
    assertThat(pruner.prunePart(output, 2, 2).whole()).isPresent();
    assertRefused(() -> pruner.prunePart(output, 3, 2), "expected 1/N to N/N");
    assertRefused(() -> pruner.prunePart(output, -1, 2), "expected 1/N to N/N");
    Path other = directory.resolve("other");
    assertRefused(
        () -> pruner(MODEL).calibration(SampleSource.file(TOKENS)).prunePart(other, 1, 2),
        "samples run through the whole model");
    assertRefused(
        () -> pruner(MODEL).statistics(STATISTICS).packed(true).prunePart(other, 1, 2),
        "`part` and `packed` exclude each other");
    assertThat(other).doesNotExist();
  }

  @Test
  void prunesInPlace() throws IOException {
    Path expected = command("--model %s --statistics %s", MODEL, STATISTICS);
    Path copy = TestData.copy(MODEL, directory.resolve("copy"));
    ModelPruner inPlace = pruner(copy).statistics(STATISTICS);
    assertThat(inPlace.pruneInPlace().maskSha256())
        .isEqualTo(TestData.json(expected.resolve("wanda-cuda.json")).get("mask_sha256").asText());
    assertThat(copy.resolve("model-00001-of-00003.safetensors"))
        .hasSameBinaryContentAs(expected.resolve("model-00001-of-00003.safetensors"));
    assertThat(ModelJobs.of(MODEL).device("cpu", 0).verify(copy).holds()).isTrue();
    assertRefused(inPlace.packed(true)::pruneInPlace, "packed: in place, weights stay");
    assertRefused(
        pruner(copy).statistics(STATISTICS).allocation("dlp")::pruneInPlace,
        "can't share out by atp, dlp or owl");
  }

  @Test
  void refusesWhatContradictsItself() throws IOException {
    Path output = directory.resolve("pruned");
    Path recipe = Files.writeString(directory.resolve("r.yaml"), "stages:\n  - sparsity: 0.5\n");
    assertRefused(() -> pruner(MODEL).unreached("maybe"), "unreached");
    assertRefused(() -> pruner(MODEL).swapsInRow(-1), "swaps");
    assertRefused(
        () -> pruner(MODEL).statistics(STATISTICS).recipe(recipe).method("ria").prune(output),
        "`recipe` says itself what `method`, `scope`");
    assertRefused(
        () -> pruner(MODEL).statistics(STATISTICS).recipe(recipe).allocation("dlp").prune(output),
        "and `allocation` say");
    List<Path> masks = List.of(directory.resolve("masks.safetensors"));
    assertRefused(
        () -> pruner(MODEL).masks(masks).sparsity(Sparsity.ratio(0.5)).prune(output),
        "the masks say how much goes");
    assertRefused(() -> pruner(MODEL).masks(List.of()).prune(output), "needs `masks` FILE or DIR");
    assertThat(output).doesNotExist();
  }
}
