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
import io.github.wandacuda.library.PruningClaim;
import io.github.wandacuda.library.SampleSource;
import io.github.wandacuda.library.Sampling;
import io.github.wandacuda.library.TextSource;
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
    Directories.assertSame(expected, smaller);
    assertThat(result.parametersBefore()).isEqualTo(json.get("parameters_before").asLong());
    assertThat(result.parametersAfter()).isEqualTo(json.get("parameters_after").asLong());
    assertThat(result.bytesBefore()).isEqualTo(json.get("bytes_before").asLong());
    assertThat(result.bytesAfter()).isEqualTo(json.get("bytes_after").asLong());
    assertThat(result.update()).isEqualTo(update);
    assertThat(result.removed())
        .isNotEmpty()
        .allSatisfy(
            part -> {
              assertThat(part.before()).isEqualTo(json.get(part.kind() + "_before").asInt());
              assertThat(part.after()).isEqualTo(json.get(part.kind() + "_after").asInt());
            });
  }

  @Test
  void removesANumberOfParts() throws IOException {
    Path smaller = directory.resolve("smaller");
    PartRemoval.Result result =
        jobs(MODEL)
            .removeParts(PartRemoval.ofCount("blocks", 1).score("influence"), SAMPLES, smaller);
    assertThat(result.removed()).containsExactly(new PartRemoval.Removed("blocks", 6, 5));
    assertThat(jobs(MODEL).verify(smaller).holds()).isTrue();
  }

  @Test
  void removesExpertsByScoresOfAFileAndGoesOn() throws IOException {
    Path mixture = TestData.STRUCTURED.resolve("tiny-moe/model");
    Path tokens = TestData.STRUCTURED.resolve("tiny-moe/calibration.json");
    Path scores = directory.resolve("scores.safetensors");
    jobs(mixture).calibrateExperts(SampleSource.file(tokens).count(4), scores);
    Path smaller = directory.resolve("smaller");
    PartRemoval half = PartRemoval.of("experts", 0.5).score("frequency").shardBytes(100_000);
    PartRemoval.Result result = jobs(mixture).removeParts(half, scores, smaller);
    Path expected = directory.resolve("by-command");
    JsonNode json =
        command(
            "prune --backend cpu --model %s --statistics %s --structure experts --score frequency"
                + " --shard-size 100KB --output %s",
            mixture, scores, expected);
    Directories.assertSame(expected, smaller);
    assertThat(result.removed())
        .containsExactly(
            new PartRemoval.Removed(
                "experts", json.get("experts_before").asInt(), json.get("experts_after").asInt()));
    assertThat(result.update()).isEqualTo("none");
    assertRefused(() -> jobs(mixture).removeParts(half, scores, smaller), "empty");
    assertThat(jobs(mixture).removeParts(half.resume(true), scores, smaller)).isEqualTo(result);
    assertRefused(
        () ->
            jobs(mixture)
                .removeParts(PartRemoval.of("heads", 0.5), scores, directory.resolve("none")),
        "`structure` heads needs `calibration` FILE");
    assertRefused(() -> half.shardBytes(0), "shardBytes: expected 1 or more");
    Path bare = directory.resolve("bare");
    jobs(mixture).removeParts(half.card(false).verify(false), scores, bare);
    assertThat(bare.resolve("README.md")).doesNotExist();
  }

  @Test
  void refusesWrongParts() {
    assertRefused(() -> PartRemoval.of("layers", 0.5), "structure: expected one of experts");
    assertRefused(() -> PartRemoval.ofCount("auto", 1), "count: expected 1 or more of one kind");
    assertRefused(
        () -> PartRemoval.of("heads", 0.5).multiple(8),
        "`multiple`: expected 1 or more, for `structure` channels or auto, found 8 for heads");
    assertRefused(() -> PartRemoval.of("heads", 0.5).score("reap"), "`score`: expected one of");
    assertRefused(() -> PartRemoval.of("auto", 0.5).score("reap"), "expected none for auto");
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
    Path pruned = directory.resolve("pruned");
    List<Pattern> some = List.of(Pattern.compile("q_proj"));
    ModelPruner.of(MODEL)
        .device("cpu", 0)
        .method("magnitude")
        .modules(some, List.of())
        .prune(pruned);
    PruningClaim half = PruningClaim.of(Sparsity.ratio(0.5));
    // Modules that the claim leaves open are those of the record, as for the command.
    command("verify --dense %s --pruned %s --sparsity 0.5", MODEL, pruned);
    assertThat(jobs(MODEL).verify(pruned, half).holds()).isTrue();
    assertThat(jobs(MODEL).verify(pruned, half.modules(some, List.of())).holds()).isTrue();
    assertThat(jobs(MODEL).verify(pruned, half.modules(List.of(), List.of())).holds()).isFalse();
    assertThat(jobs(MODEL).verify(pruned, PruningClaim.of(Sparsity.ratio(0.9))).holds()).isFalse();
    // Magnitude counts matrices, Wanda each row.
    assertThat(jobs(MODEL).verify(pruned, half.method("wanda")).holds()).isFalse();
    assertRefused(() -> half.method("best"), "expected one of wanda, magnitude");
  }

  @Test
  void tellsWhatIsStrictlyProven() throws IOException {
    Path pruned = InProcess.pruned(MODEL, directory.resolve("pruned"));
    assertThat(jobs(MODEL).verify(pruned).holdsStrictly()).isTrue();
    Files.writeString(pruned.resolve("NOTES.md"), "mine");
    ModelJobs.Proof proof = jobs(MODEL).verify(pruned);
    assertThat(proof.holds()).isTrue();
    assertThat(proof.holdsStrictly()).isFalse();
    assertThat(proof.added()).containsExactly(Path.of("NOTES.md"));
  }

  /** A claim without modules is of those that the record names, as the command has it. */
  @Test
  void aClaimIsOfTheRecordsModules() throws IOException {
    Path pruned = directory.resolve("pruned");
    command(
        "prune --method magnitude --include mlp --backend cpu --model %s --output %s",
        MODEL, pruned);
    command("verify --dense %s --pruned %s --sparsity 0.5", MODEL, pruned);
    assertThat(jobs(MODEL).verify(pruned, PruningClaim.of(Sparsity.ratio(0.5))).failures())
        .isEmpty();
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
    assertThat(found.promptTokens()).isEqualTo(expected.get("prompt_tokens").asInt());
    assertThat(found.bytesPerToken()).isEqualTo(expected.get("bytes_per_token").asLong());
    assertThat(found.tokens()).hasToString(expected.get("tokens").toString().replace(",", ", "));
    int[] ids = {5, 6, 7};
    assertThat(jobs(MODEL).generate(ids, 3, Sampling.GREEDY).tokens()).hasSize(3);
    assertRefused(
        () -> jobs(MODEL).generate(ids, 0, Sampling.GREEDY), "limit: expected 1 or more, found 0");
    assertThatThrownBy(() -> jobs(MODEL).generate(new int[] {-1}, 1, Sampling.GREEDY))
        .isInstanceOf(IOException.class)
        .hasMessage("prompt: expected token ids from 0 on, found -1");
  }

  @Test
  void drawsAsTheCommandDoes() throws IOException {
    JsonNode expected =
        command(
            "generate --backend cpu --model %s --prompt %s --tokens 12 --temperature 1.5 --top-p"
                + " 0.9 --seed 7",
            MODEL, "The");
    Sampling sampling = new Sampling(1.5, 0.9, 7);
    for (int time = 0; time < 2; time++) {
      assertThat(jobs(MODEL).generate("The", 12, sampling).text())
          .hasValue(expected.get("text").asText());
    }
    assertRefused(() -> new Sampling(-1, 1, 0), "`temperature`: expected 0 or more");
    assertRefused(() -> new Sampling(1, 0, 0), "`top-p`: expected more than 0 and at most 1");
  }

  @Test
  void evaluatesAsTheCommandDoes() throws IOException {
    Path task = Path.of("testdata/tasks/generic.jsonl");
    JsonNode expected =
        command("evaluate --backend cpu --model %s --tasks %s", MODEL, task).path("tasks");
    ModelJobs.TaskResult found =
        jobs(MODEL).evaluate(List.of(task.toString()), null, 100).getFirst();
    assertThat(expected.fieldNames()).toIterable().containsExactly(found.task());
    JsonNode own = expected.elements().next();
    assertThat(found.documents()).isEqualTo(own.get("documents").asLong());
    assertThat(found.accuracy()).isEqualTo(own.get("accuracy").asDouble());
    assertThat(found.standardError()).hasValue(own.get("accuracy_stderr").asDouble());
    assertThat(found.normalized().isPresent()).isEqualTo(own.get("accuracy_norm").isNumber());
    assertThat(jobs(MODEL).evaluate(List.of(task.toString()), null, 1).getFirst().standardError())
        .isEmpty();
    assertRefused(() -> jobs(MODEL).evaluate(List.of("chess"), null, 1), "`tasks`: expected");
    assertRefused(() -> jobs(MODEL).evaluate(List.of("boolq"), null, 1), "needs `data` DIR");
  }

  @Test
  void namesAndRevisionsOfDownloadsAreChecked() {
    assertRefused(() -> ModelDownload.of("no name"), "expected org/name");
    assertRefused(() -> ModelDownload.of("org/model").revision("../up"), "");
    assertThat(ModelDownload.of("org/model").into(directory).files(List.of("*.json"), List.of()))
        .isNotNull();
  }
}
