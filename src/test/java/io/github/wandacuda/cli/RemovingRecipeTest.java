package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code prune} by recipes that remove parts first, and {@code verify} of what it writes. */
class RemovingRecipeTest {
  private static final String WEIGHTS =
      """
      - modules: self_attn
        sparsity: 0.4
        refine: swaps
      - sparsity: 0.5
      """;

  private static final String CHANNELS =
      """
      - structure: channels
        sparsity: 0.25
        update: realign
      """;

  @TempDir Path directory;

  private Path source;
  private Path tokens;
  private Path output;
  private Path smaller;

  @BeforeEach
  void name() {
    take("llama-gqa");
    output = directory.resolve("out");
    smaller = directory.resolve("out.smaller");
  }

  private void take(String family) {
    source = TestData.fixture(family).resolve("model");
    tokens = TestData.fixture(family).resolve("tokens.json");
  }

  private Path recipe(String yaml) throws IOException {
    return Files.writeString(directory.resolve("recipe.yaml"), yaml);
  }

  private Ended prune(Path recipe, String options, Object... values) {
    List<Object> all = new ArrayList<>(List.of(source, output, recipe, tokens));
    all.addAll(List.of(values));
    return InProcess.line(
        "prune --model %s --output %s --recipe %s --calibration %s --backend cpu " + options,
        all.toArray());
  }

  private Ended verify() {
    return InProcess.line("verify --dense %s --pruned %s --json", source, output);
  }

  private static JsonNode record(Path of) {
    return TestData.json(of.resolve("wanda-cuda.json"));
  }

  /** Returns what two commands write, one after the other. */
  private Path twoCommands(String options) throws IOException {
    Path first = directory.resolve("first");
    Path second = directory.resolve("second");
    InProcess.line(
            "prune --model %s --output %s --calibration %s --backend cpu --no-card " + options,
            source,
            first,
            tokens)
        .succeeds();
    Path weights = Files.writeString(directory.resolve("weights.yaml"), WEIGHTS);
    InProcess.line(
            "prune --model %s --output %s --calibration %s --backend cpu --no-card --recipe %s",
            first, second, tokens, weights)
        .succeeds();
    return second;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llama-gqa | channels, sparsity: 0.25 | --structure channels --sparsity 0.25",
        "llama-gqa | channels, remove: 40, update: realign, score: wanda"
            + " | --structure channels --remove 40 --update realign --score wanda",
        "smollm3 | blocks, remove: 1 | --structure blocks --remove 1",
        "llama-gqa | auto, sparsity: 0.3, multiple: 8 | --structure auto --sparsity 0.3 --multiple"
            + " 8",
        "mixtral | experts, remove: 1, score: ean | --structure experts --remove 1 --score ean",
      })
  void itGivesWhatTwoCommandsGive(String family, String stage, String options) throws IOException {
    take(family);
    Path recipe = recipe("- {structure: %s}\n".formatted(stage) + WEIGHTS);
    JsonNode result = prune(recipe, "--no-card --shard-size 60KB --json").succeeds().json();
    Path second = twoCommands(options + " --shard-size 60KB");
    assertThat(Directories.files(output))
        .isEqualTo(Directories.files(second))
        .hasSizeGreaterThan(4);
    for (Path file : Directories.files(second)) {
      if (!file.endsWith("wanda-cuda.json")) {
        assertThat(output.resolve(file)).hasSameBinaryContentAs(second.resolve(file));
      }
    }
    ObjectNode both = (ObjectNode) record(output);
    ObjectNode first = (ObjectNode) both.remove("smaller");
    // What the first half fitted was pruned by the second one, which leaves other digests of it.
    JsonNode digests = both.remove("fitted_sha256");
    if (first.has("fitted")) {
      List<String> fitted = first.get("fitted").valueStream().map(JsonNode::textValue).toList();
      assertThat(digests.fieldNames()).toIterable().containsExactlyInAnyOrderElementsOf(fitted);
    } else {
      assertThat(digests).isNull();
    }
    assertThat(both.remove("files").toString()).contains("recipe.yaml", "tokens.json");
    ObjectNode expected = (ObjectNode) record(second);
    expected.remove("files");
    assertThat(both).isEqualTo(expected);
    first.remove(List.of("files", "recipe_sha256"));
    expected = (ObjectNode) record(directory.resolve("first"));
    expected.remove("files");
    assertThat(first).isEqualTo(expected);
    assertThat(result.at("/smaller/removed")).isEqualTo(first.get("removed"));
    assertThat(smaller).doesNotExist();
    JsonNode verified = verify().succeeds().json();
    assertThat(verified.get("mode").asText()).isEqualTo("structure+mask");
    assertThat(verified.get("unchecked").toString()).contains("\"smaller.score\"", "\"seed\"");
  }

  /** No parts were removed for it, so that it isn't what the recipe makes of any smaller model. */
  @Test
  void anOutputOfWeightsAloneIsAnotherRun() throws IOException {
    take("llama-gqa");
    Path weights = recipe(WEIGHTS);
    prune(weights, "").succeeds();
    Path whole = TestData.copy(output, directory.resolve("whole"));
    prune(recipe(CHANNELS + WEIGHTS), "--resume").isRefused(2, "holds the output of another run");
    Directories.assertSame(whole, output);
    assertThat(smaller).doesNotExist();
    TestData.copy(whole, smaller);
    Directories.remove(output);
    prune(recipe(CHANNELS + WEIGHTS), "--resume").isRefused(2, "holds the output of another run");
    Directories.assertSame(whole, smaller);
  }

  /** The second half can't begin, so that the first one waits for a run that resumes. */
  @ParameterizedTest
  @ValueSource(strings = {"channels", "auto", "blocks"})
  void aRunGoesOnWithTheHalfWhereItWas(String structure) throws IOException {
    take("smollm3");
    String sparsity = structure.equals("blocks") ? "0.34" : "0.3";
    String stage = "- {structure: %s, sparsity: %s}\n".formatted(structure, sparsity);
    Path recipe = recipe(stage + WEIGHTS);
    prune(recipe, "").succeeds();
    Path whole = TestData.copy(output, directory.resolve("whole"));
    Directories.remove(output);
    Path foreign = Files.createDirectories(output).resolve("other.safetensors");
    Files.writeString(foreign, "no part of it");
    prune(recipe, "--resume").isRefused(2, "other.safetensors: is no part of this run's output");
    assertThat(smaller.resolve("config.json")).exists();
    Path kept = TestData.copy(smaller, directory.resolve("kept"));
    Files.delete(foreign);
    prune(recipe, "").isRefused(2, "out.smaller: ");
    Path other = Files.writeString(directory.resolve("other.yaml"), stage + "- {}\n");
    prune(other, "--resume").isRefused(2, "differs in", "recipe_sha256 (there ");
    JsonNode resumed = prune(recipe, "--resume --json").succeeds().json();
    assertThat(resumed.get("smaller").has("seconds")).as("made again").isFalse();
    Directories.assertSame(whole, output);
    assertThat(smaller).doesNotExist();
    // Killed between the end and the removal of the smaller model.
    TestData.copy(kept, smaller);
    Files.delete(smaller.resolve("config.json"));
    prune(recipe, "--resume").succeeds();
    assertThat(smaller).doesNotExist();
    Directories.assertSame(whole, output);
    TestData.copy(whole, smaller);
    prune(recipe, "--resume").succeeds();
    Directories.assertSame(whole, smaller);
    prune(other, "--resume").isRefused(2, "recipe_sha256 (there ");
    prune(recipe, "--resume --samples 1").isRefused(2, "differs in", "samples (there ");
    verify().succeeds();
  }

  /** Nothing of a run is left whose second half finds its input broken. */
  @Test
  void aBrokenSecondHalfLeavesNothing() throws IOException {
    Path masks = Files.write(directory.resolve("masks.safetensors"), new byte[] {1, 2, 3});
    Path recipe = recipe(CHANNELS + "- method: masks\n");
    prune(recipe, "--masks %s", masks).fails(3, "masks.safetensors");
    assertThat(smaller).doesNotExist();
    assertThat(output).doesNotExist();
  }

  @Test
  void aStageThatFitsNothingIsRefusedBeforeAnythingIsDone() throws IOException {
    prune(recipe(CHANNELS + "- {modules: nowhere}\n"), "").isRefused(2, "found 'nowhere'");
    assertThat(smaller).doesNotExist();
  }

  private void written() throws IOException {
    source = TestData.copy(source, directory.resolve("source"));
    prune(recipe(CHANNELS + WEIGHTS), "--shard-size 1GB").succeeds();
    assertThat(record(output).at("/smaller/fitted")).isNotEmpty();
    verify().succeeds();
  }

  private void change(String tensor, byte... bytes) throws IOException {
    Path file = output.resolve("model.safetensors");
    byte[] all = Files.readAllBytes(file);
    try (var in = SafetensorsFile.open(file)) {
      int at = (int) (in.dataOffset() + in.tensor(tensor).orElseThrow().begin());
      while (all[at] == 0 && all[at + 1] == 0 && all[at + 2] == 0 && all[at + 3] == 0) {
        at += 4;
      }
      System.arraycopy(bytes, 0, all, at, bytes.length);
    }
    Files.write(file, all);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model.layers.1.self_attn.q_proj.weight | expected ",
        "model.layers.0.mlp.up_proj.weight | expected ",
        "model.norm.weight | was not to be pruned, but differs at byte",
      })
  void changedWeightsAreFound(String tensor, String said) throws IOException {
    written();
    change(tensor, new byte[] {1, 2, 3, 4});
    verify().fails(5, tensor, said);
  }

  /**
   * Of fitted weights the record has the digest. Without one it is known that they are finite, and
   * which of them are zero.
   */
  @ParameterizedTest
  @CsvSource({
    "0, 0, -64, 127, expected finite",
    "0, 0, 0, 0, mask_sha256",
    "1, 2, 3, 60, ''",
  })
  void fittedWeightsAreCheckedAsFarAsTheyCanBe(
      byte first, byte second, byte third, byte fourth, String said) throws IOException {
    written();
    change("model.layers.0.mlp.down_proj.weight", first, second, third, fourth);
    verify().fails(5, "model.layers.0.mlp.down_proj.weight", "has the SHA-256");
    ObjectNode older = (ObjectNode) record(output);
    assertThat(older.remove("fitted_sha256")).isNotEmpty();
    Files.writeString(output.resolve("wanda-cuda.json"), older.toString());
    if (said.isEmpty()) {
      verify().succeeds();
    } else {
      verify().fails(5, said);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "config.json | \"rms_norm_eps\" | \"rms_norm_epS\" | config.json: expected what its record",
        "wanda-cuda.json | \"channels\" | \"widths\" | expected structure as one of experts",
        "wanda-cuda.json | \"intermediate_size\" : | \"intermediate_sizE\" : | config: expected",
        "wanda-cuda.json | \"zeros\" : | \"other\" : 1, \"zeros\" : | other: expected no such key",
        "wanda-cuda.json | \"zeros\" : 8064 | \"zeros\" : 1 | zeros: expected",
        "wanda-cuda.json | 0.4 | 0.9 | zeros",
      })
  void changedFilesAreFound(String file, String from, String to, String said) throws IOException {
    written();
    TestData.replace(output.resolve(file), from, to);
    verify().fails(5, said);
  }

  @Test
  void anotherSourceAndAnotherSliceAreFound() throws IOException {
    written();
    String text = Files.readString(output.resolve("wanda-cuda.json"));
    JsonNode removed = record(output).at("/smaller/removed/0");
    int first = removed.get(0).asInt();
    int other = first == 0 ? removed.get(1).asInt() - 1 : first - 1;
    Files.writeString(
        output.resolve("wanda-cuda.json"),
        text.replaceFirst("\"0\" : \\[ %d,".formatted(first), "\"0\" : [ %d,".formatted(other)));
    verify().fails(5, "expected ");
    Files.writeString(output.resolve("wanda-cuda.json"), text);
    verify().succeeds();
    TestData.replace(source.resolve("config.json"), "1e-05", "1e-06");
    verify().fails(5, "source_sha256");
  }

  @Test
  void optionsOfWeightsDoNotProveIt() throws IOException {
    written();
    InProcess.line("verify --dense %s --pruned %s --sparsity 0.5", source, output)
        .isRefused(2, "parts of this model were removed");
  }

  @Test
  void packedModelsAreProvenToo() throws IOException {
    prune(recipe(CHANNELS + "- pattern: 2:4\n"), "--packed").succeeds();
    verify().succeeds();
    TestData.replace(output.resolve("config.json"), "intermediate_size", "intermediate_sizE");
    verify().endsWith(5);
  }

  @Test
  void plansSayBothHalves() throws IOException {
    Path recipe = recipe(CHANNELS + WEIGHTS);
    JsonNode plan = prune(recipe, "--dry-run --json --shard-size 1GB").succeeds().json();
    assertThat(plan.get("bytes_to_write").asLong()).isPositive();
    assertThat(output).doesNotExist();
    assertThat(smaller).doesNotExist();
    Ended said = prune(recipe, "--dry-run").succeeds();
    assertThat(said.out()).contains("would have ", "would prune ", "nothing was written");
    JsonNode result = prune(recipe, "--json --shard-size 1GB").succeeds().json();
    assertThat(plan.at("/smaller/bytes_after")).isEqualTo(result.at("/smaller/bytes_after"));
    assertThat(plan.at("/weights").asLong()).isEqualTo(record(output).get("elements").asLong());
    assertThat(result.at("/smaller/bytes_after").asLong())
        .isEqualTo(Files.size(output.resolve("model.safetensors")));
  }

  @Test
  void perplexityIsThatOfTheModelBeforeAndOfTheLastOne() throws IOException {
    Path report = directory.resolve("report.json");
    JsonNode result =
        prune(recipe(CHANNELS + WEIGHTS), "--evaluate %s --report %s --json", tokens, report)
            .succeeds()
            .json();
    for (String when : List.of("before", "after")) {
      Path of = when.equals("before") ? source : output;
      double measured =
          InProcess.line("perplexity --model %s --tokens %s --backend cpu --json", of, tokens)
              .succeeds()
              .json()
              .get("perplexity")
              .asDouble();
      assertThat(result.at("/perplexity/" + when).asDouble()).isEqualTo(measured);
      assertThat(TestData.json(report).at("/perplexity/" + when).asDouble()).isEqualTo(measured);
    }
    assertThat(TestData.json(report).at("/inputs/smaller").asText()).isEqualTo("channels");
    assertThat(TestData.json(report).get("model").asText()).isEqualTo(source.toString());
    assertThat(Files.readString(output.resolve("README.md")))
        .contains("channels a block | 80 to 60", "update | realign", "perplexity on tokens.json");
  }

  @Test
  void aStageThatRemovesPartsMayBeAlone() throws IOException {
    prune(recipe(CHANNELS), "--no-card").succeeds();
    Path other = directory.resolve("other");
    InProcess.line(
            "prune --model %s --output %s --calibration %s --structure channels --sparsity 0.25"
                + " --update realign --backend cpu --no-card",
            source, other, tokens)
        .succeeds();
    for (Path file : Directories.files(other)) {
      if (!file.endsWith("wanda-cuda.json")) {
        assertThat(output.resolve(file)).hasSameBinaryContentAs(other.resolve(file));
      }
    }
    assertThat(record(output).get("removed")).isEqualTo(record(other).get("removed"));
    verify().succeeds();
    prune(recipe(CHANNELS), "--no-card --resume").succeeds();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--in-place", "--part 1/2", "--cluster local"})
  void whatRunsElsewhereIsRefused(String options) throws IOException {
    String option = options.split(" ")[0];
    prune(recipe(CHANNELS + WEIGHTS), options)
        .isRefused(2, option + ": expected a recipe that removes no parts, found one that does");
    // Alone it is what the options are, which need samples here.
    prune(recipe(CHANNELS), options).isRefused(2, option);
  }

  @Test
  void optionsThatSayNothingOfPartsAreRefused() throws IOException {
    prune(recipe(CHANNELS), "--include up_proj").isRefused(2, "--include: expected a recipe that");
    Path recipe = recipe("- {structure: blocks, remove: 1}\n" + WEIGHTS);
    InProcess.line(
            "prune --model %s --output %s --recipe %s --statistics %s",
            source, output, recipe, tokens)
        .isRefused(2, "--statistics: expected a recipe that removes no parts");
    InProcess.line("prune --model %s --output %s --recipe %s", source, output, recipe)
        .isRefused(2, "needs --calibration FILE");
    recipe("- {structure: blocks, remove: 1}\n");
    InProcess.line(
            "prune --model %s --output %s --recipe %s --statistics %s",
            source, output, recipe, tokens)
        .isRefused(2, "--structure blocks needs --calibration FILE");
  }

  @Test
  void comparisonsDoNotTakeIt() throws IOException {
    InProcess.line(
            "compare --model %s --calibration %s --text %s --recipes %s",
            source, tokens, tokens, recipe(CHANNELS + WEIGHTS))
        .isRefused(2, "recipe.yaml: it removes parts, so it can't be compared");
  }
}
