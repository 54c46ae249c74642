package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.library.ModelDownload;
import io.github.wandacuda.library.ModelJobs;
import io.github.wandacuda.library.ModelPruner;
import io.github.wandacuda.library.PartRemoval;
import io.github.wandacuda.library.SampleSource;
import io.github.wandacuda.library.TextSource;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The library's calls that remove parts, compare, evaluate and generate give what commands do. */
class LibraryJobsTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final Path TOKENS = TestData.GOLDEN.resolve("calibration.json");
  private static final SampleSource SAMPLES = SampleSource.file(TOKENS).count(8).length(50);

  @TempDir private Path directory;

  private static ModelJobs jobs(Path model) {
    return ModelJobs.of(model).device("cpu", 0);
  }

  private static JsonNode command(String line, Object... values) {
    return InProcess.line(line + " --json --quiet", values).succeeds().json();
  }

  private static void assertRefused(ThrowingCallable call, String message) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource({
    "channels, realign",
    "heads, reconstruct",
    "blocks, none",
    "auto, realign",
  })
  void removesPartsAsTheCommandDoes(String structure, String update) throws IOException {
    double share = structure.equals("heads") ? 0.5 : 0.34;
    Path smaller = directory.resolve("smaller");
    PartRemoval.Result result =
        jobs(MODEL).removeParts(PartRemoval.of(structure, share).update(update), SAMPLES, smaller);
    Path expected = directory.resolve("by-command");
    JsonNode json =
        command(
            "prune --backend cpu --model %s --calibration %s --samples 8 --sequence-length 50"
                + " --structure %s --sparsity %s --update %s --output %s",
            MODEL, TOKENS, structure, share, update, expected);
    // The record names the command's files, by what they are; a program's samples have no name.
    for (Path written : List.of(expected, smaller)) {
      Files.delete(written.resolve("wanda-cuda.json"));
    }
    Directories.assertSame(expected, smaller);
    assertThat(result.parametersBefore()).isEqualTo(json.get("parameters_before").asLong());
    assertThat(result.parametersAfter()).isEqualTo(json.get("parameters_after").asLong());
    assertThat(result.bytesBefore()).isEqualTo(json.get("bytes_before").asLong());
    assertThat(result.bytesAfter()).isEqualTo(json.get("bytes_after").asLong());
    assertThat(result.removed()).isNotEmpty();
    result
        .removed()
        .forEach(
            (kind, count) ->
                assertThat(count)
                    .as(kind)
                    .isEqualTo(
                        json.get(kind + "_before").asInt() - json.get(kind + "_after").asInt()));
  }

  @Test
  void removesANumberOfParts() throws IOException {
    Path smaller = directory.resolve("smaller");
    PartRemoval.Result result =
        jobs(MODEL)
            .removeParts(PartRemoval.ofCount("blocks", 1).score("influence"), SAMPLES, smaller);
    assertThat(result.removed()).isEqualTo(Map.of("blocks", 1));
    assertThat(jobs(MODEL).verify(smaller).holds()).isTrue();
  }

  @Test
  void refusesWrongParts() {
    assertRefused(() -> PartRemoval.of("layers", 0.5), "structure: expected one of experts");
    assertRefused(() -> PartRemoval.ofCount("auto", 1), "count: expected 1 or more of one kind");
    assertRefused(
        () -> PartRemoval.of("heads", 0.5).multiple(8),
        "multiple: expected 1 or more, for channels");
    assertRefused(() -> PartRemoval.of("heads", 0.5).score("reap"), "score: expected one of");
    assertRefused(() -> PartRemoval.of("heads", 0.5).update("alps"), "update: expected one of");
  }

  @Test
  void comparesAsTheCommandDoes() throws IOException {
    ModelJobs.ComparisonResult found =
        jobs(MODEL)
            .compare(
                List.of("wanda", "magnitude", "wanda+swaps"),
                Sparsity.ratio(0.5),
                SAMPLES,
                TextSource.of(TOKENS).withWindows(2));
    JsonNode expected =
        command(
            "compare --backend cpu --model %s --calibration %s --samples 8 --sequence-length 50"
                + " --text %s --windows 2 --methods wanda,magnitude,wanda+swaps --sparsity 0.5",
            MODEL, TOKENS, TOKENS);
    assertThat(found.densePerplexity()).isEqualTo(expected.at("/dense/perplexity").asDouble());
    assertThat(found.methods()).hasSize(3);
    for (int index = 0; index < 3; index++) {
      JsonNode run = expected.get("runs").get(index);
      ModelJobs.ComparedMethod method = found.methods().get(index);
      assertThat(method.method()).isEqualTo(run.get("method").asText());
      assertThat(method.perplexity()).hasValue(run.get("perplexity").asDouble());
      assertThat(method.relativeError()).hasValue(run.get("relative_error").asDouble());
      assertThat(method.sparsity()).isEqualTo(run.get("zeros").asDouble(), within(1e-12));
      assertThat(method.maskSha256()).isEqualTo(run.get("mask_sha256").asText());
    }
    assertRefused(
        () ->
            jobs(MODEL)
                .compare(List.of("best"), Sparsity.ratio(0.5), SAMPLES, TextSource.of(TOKENS)),
        "method: expected one of");
  }

  @Test
  void calibratesSecondMomentsAndExperts() throws IOException {
    SampleSource two = SampleSource.file(TOKENS).count(2).length(50);
    Path moments = directory.resolve("moments.safetensors");
    assertThat(jobs(MODEL).calibrateMoments(two, moments).modules()).isEqualTo(42);
    Path expected = directory.resolve("by-command.safetensors");
    command(
        "calibrate --second-moments --backend cpu --model %s --calibration %s --samples 2"
            + " --sequence-length 50 --output %s",
        MODEL, TOKENS, expected);
    assertThat(moments).hasSameBinaryContentAs(expected);
    Path mixture = TestData.STRUCTURED.resolve("tiny-moe/model");
    SampleSource few =
        SampleSource.file(TestData.STRUCTURED.resolve("tiny-moe/calibration.json")).count(4);
    Path scores = directory.resolve("scores.safetensors");
    assertThat(jobs(mixture).calibrateExperts(few, scores).samples()).isEqualTo(4);
    Path byCommand = directory.resolve("scores-by-command.safetensors");
    command(
        "calibrate --experts --backend cpu --model %s --calibration %s --samples 4 --output %s",
        mixture, TestData.STRUCTURED.resolve("tiny-moe/calibration.json"), byCommand);
    assertThat(scores).hasSameBinaryContentAs(byCommand);
    assertThatThrownBy(() -> jobs(MODEL).calibrateExperts(two, directory.resolve("none")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("expected a mixture of experts, found none");
  }

  @Test
  void provesWhatIsClaimed() throws IOException {
    Path pruned = InProcess.pruned(MODEL, directory.resolve("pruned"));
    assertThat(jobs(MODEL).verify(pruned, Sparsity.ratio(0.5)).holds()).isTrue();
    assertThat(jobs(MODEL).verify(pruned, Sparsity.ratio(0.9)).holds()).isFalse();
  }

  /** A claim without modules is of those that the record names, as the command has it. */
  @Test
  void aClaimIsOfTheRecordsModules() throws IOException {
    Path pruned = directory.resolve("pruned");
    command(
        "prune --method magnitude --include mlp --backend cpu --model %s --output %s",
        MODEL, pruned);
    command("verify --dense %s --pruned %s --sparsity 0.5", MODEL, pruned);
    assertThat(jobs(MODEL).verify(pruned, Sparsity.ratio(0.5)).failures()).isEmpty();
  }

  @Test
  void aRecipesFittedWeightsAreRoundedToCodesIfThatIsAllowed() throws IOException {
    Path fixture = Path.of("testdata/quantized/fp8-block-llama-wide");
    Path recipe =
        Files.writeString(
            directory.resolve("recipe.yaml"),
            "stages:\n  - sparsity: 0.5\n    update: reconstruct\n");
    ModelPruner pruner =
        ModelPruner.of(fixture.resolve("model"))
            .device("cpu", 0)
            .calibration(SampleSource.file(fixture.resolve("tokens.json")))
            .recipe(recipe);
    assertThatThrownBy(() -> pruner.prune(directory.resolve("refused")))
        .hasMessageContaining("requantize");
    assertThat(pruner.requantize(true).prune(directory.resolve("out")).pruned()).isPositive();
  }

  @Test
  void aMethodThatIsNamedLaterTakesThePlaceOfMasks() throws IOException {
    ModelPruner.Result result =
        ModelPruner.of(MODEL)
            .device("cpu", 0)
            .masks(List.of(directory.resolve("no-such-file")))
            .method("magnitude")
            .prune(directory.resolve("out"));
    ModelPruner.Result magnitude =
        ModelPruner.of(MODEL)
            .device("cpu", 0)
            .method("magnitude")
            .prune(directory.resolve("magnitude"));
    assertThat(result.maskSha256()).isEqualTo(magnitude.maskSha256());
  }

  @Test
  void generatesAsTheCommandDoes() throws IOException {
    JsonNode expected =
        command("generate --backend cpu --model %s --prompt %s --tokens 12", MODEL, "The");
    ModelJobs.GeneratedText found = jobs(MODEL).generate("The", 12);
    assertThat(found.text()).hasValue(expected.get("text").asText());
    assertThat(found.tokens()).hasToString(expected.get("tokens").toString().replace(",", ", "));
    int[] ids = {5, 6, 7};
    assertThat(jobs(MODEL).generate(ids, 3).tokens()).hasSize(3);
    assertRefused(() -> jobs(MODEL).generate(ids, 0), "limit: expected 1 or more, found 0");
    assertThatThrownBy(() -> jobs(MODEL).generate(new int[] {-1}, 1))
        .isInstanceOf(IOException.class)
        .hasMessage("prompt: expected token ids from 0 on, found -1");
  }

  @Test
  void evaluatesAsTheCommandDoes() throws IOException {
    Path task = Path.of("testdata/tasks/generic.jsonl");
    JsonNode expected =
        command("evaluate --backend cpu --model %s --tasks %s", MODEL, task).path("tasks");
    Map<String, ModelJobs.TaskResult> found =
        jobs(MODEL).evaluate(List.of(task.toString()), null, 100);
    assertThat(found.keySet()).containsExactlyElementsOf(expected::fieldNames);
    JsonNode own = expected.elements().next();
    ModelJobs.TaskResult result = found.values().iterator().next();
    assertThat(result.documents()).isEqualTo(own.get("documents").asLong());
    assertThat(result.accuracy()).isEqualTo(own.get("accuracy").asDouble());
  }

  @Test
  void prunesInPlaceByMasksOfAFileAndAsAsked() throws IOException {
    Path masks = directory.resolve("masks.safetensors");
    Path expected = directory.resolve("by-command");
    command(
        "prune --backend cpu --model %s --statistics %s --save-masks %s --output %s",
        MODEL, STATISTICS, masks, expected);
    Path masked = directory.resolve("masked");
    ModelPruner.Result result =
        ModelPruner.of(MODEL).device("cpu", 0).masks(List.of(masks)).prune(masked);
    JsonNode record = TestData.json(expected.resolve("wanda-cuda.json"));
    assertThat(result.maskSha256()).isEqualTo(record.get("mask_sha256").asText());
    Path copy = TestData.copy(MODEL, directory.resolve("copy"));
    ModelPruner inPlace = ModelPruner.of(copy).device("cpu", 0).statistics(STATISTICS);
    assertThat(inPlace.pruneInPlace().maskSha256()).isEqualTo(result.maskSha256());
    assertThat(copy.resolve("model-00001-of-00003.safetensors"))
        .hasSameBinaryContentAs(expected.resolve("model-00001-of-00003.safetensors"));
    assertRefused(inPlace.packed(true)::pruneInPlace, "packed: in place, weights stay");
    assertRefused(
        ModelPruner.of(copy).statistics(STATISTICS).allocation("dlp")::pruneInPlace,
        "can't share out by atp, dlp or owl");
    assertRefused(() -> ModelPruner.of(copy).unreached("maybe"), "unreached");
    assertRefused(() -> ModelPruner.of(copy).swapsInRow(-1), "swaps");
  }

  @Test
  void namesAndRevisionsOfDownloadsAreChecked() {
    assertRefused(() -> ModelDownload.of("no name"), "expected org/name");
    assertRefused(() -> ModelDownload.of("org/model").revision("../up"), "");
    assertThat(ModelDownload.of("org/model").into(directory).files(List.of("*.json"), List.of()))
        .isNotNull();
  }
}
