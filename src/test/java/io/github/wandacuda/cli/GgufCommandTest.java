package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Commands whose model is a file in GGUF. */
class GgufCommandTest {
  private static final Path FOLDER = Path.of("testdata", "gguf");
  private static final Path MIXTRAL = FOLDER.resolve("arch/mixtral-F32.gguf");
  private static final Path DIRECTORY = TestData.fixture("mixtral").resolve("model");
  private static final Path TOKENS = FOLDER.resolve("tokens/arch-mixtral.json");

  @TempDir Path directory;

  private Path output;
  private Path record;

  @BeforeEach
  void name() {
    output = directory.resolve("out.gguf");
    record = directory.resolve("out.gguf.wanda-cuda.json");
  }

  private Ended prune(String options, Object... values) {
    return InProcess.line("prune --backend cpu " + options, values);
  }

  private Ended removeExpert(String options) {
    return prune(
        "--model %s --structure experts --remove 1 --calibration %s --output %s " + options,
        MIXTRAL,
        TOKENS,
        output);
  }

  private Ended verify(Path dense) {
    return InProcess.line("verify --dense %s --pruned %s --json", dense, output);
  }

  /** What samples say of experts is the same of both forms of a model, and so is what is left. */
  @Test
  void statisticsServeBothForms() {
    Path statistics = directory.resolve("statistics.safetensors");
    InProcess.line(
            "calibrate --experts --model %s --calibration %s --output %s --backend cpu",
            DIRECTORY, TOKENS, statistics)
        .succeeds();
    Path smaller = directory.resolve("smaller");
    String options = "--structure experts --remove 1 --statistics %s --model %s --output %s --json";
    JsonNode there = prune(options, statistics, DIRECTORY, smaller).succeeds().json();
    JsonNode here = prune(options, statistics, MIXTRAL, output).succeeds().json();
    assertThat(here.get("removed")).isEqualTo(there.get("removed"));
    assertThat(here.get("parameters_after")).isEqualTo(there.get("parameters_after"));
    assertThat(here.get("bytes_after").asLong()).isEqualTo(output.toFile().length());
    try (ModelDirectory one = ModelDirectory.open(smaller);
        ModelDirectory other = ModelDirectory.open(output)) {
      assertSame(one.checkpoint(), other.checkpoint());
    }
    assertThat(verify(MIXTRAL).succeeds().json().get("verified").asBoolean()).isTrue();
  }

  private static void assertSame(Checkpoint expected, Checkpoint found) {
    List<String> names = expected.tensors().map(entry -> entry.info().name()).sorted().toList();
    assertThat(found.tensors().map(entry -> entry.info().name()).sorted()).isEqualTo(names);
    for (String name : names) {
      assertThat(TensorBytes.of(found, name)).as(name).isEqualTo(TensorBytes.of(expected, name));
    }
  }

  /** A model in GGUF without parts is that of the smaller model that is read from the larger. */
  @ParameterizedTest
  @CsvSource({
    "apertus, blocks, --remove 1",
    "qwen3, channels, --sparsity 0.25",
    "qwen3, heads, --sparsity 0.5",
    "gemma3_text-pattern-adjusted, blocks, --remove 1",
    "llama-gqa, channels, --sparsity 0.5",
    "granite, heads, --sparsity 0.5",
    "llama-gqa, heads, --sparsity 0.5",
    "glm4, heads, --sparsity 0.5",
    "glm4, channels, --sparsity 0.5",
    "phi3, channels, --sparsity 0.5"
  })
  void whatIsLeftIsWhatOtherFormsHave(String model, String structure, String share)
      throws IOException {
    Path file = FOLDER.resolve("arch/%s-F32.gguf".formatted(model));
    Path tokens = FOLDER.resolve("tokens/arch-%s.json".formatted(model.replace("-adjusted", "")));
    prune(
            "--model %s --structure %s --calibration %s --output %s --samples 2 " + share,
            file,
            structure,
            tokens,
            output)
        .succeeds();
    try (ModelDirectory dense = ModelDirectory.open(file);
        ModelDirectory smaller = ModelDirectory.open(output)) {
      RemovedParts removed = removed();
      assertSame(removed.plan(dense).checkpoint(Long.MAX_VALUE), smaller.checkpoint());
    }
    InProcess.line("perplexity --model %s --tokens %s --backend cpu", output, tokens).succeeds();
    verify(file).succeeds();
  }

  private RemovedParts removed() throws IOException {
    try (InputStream in = Files.newInputStream(record)) {
      var read = Provenance.read(in, record).ofRemoval();
      return read.removed(read.structure().orElseThrow());
    }
  }

  @Test
  void verifyFindsEachChange() throws IOException {
    removeExpert("").succeeds();
    byte[] right = Files.readAllBytes(output);
    // The last tensor's last number, and one in the middle.
    for (long at : new long[] {-40, right.length / 2}) {
      Damage.flip(output, at, 1);
      verify(MIXTRAL).fails(5, "the bytes of the source's");
      Files.write(output, right);
    }
    int key = indexOf(right, "llama.context_length");
    Damage.flip(output, key + "llama.context_length".length() + Integer.BYTES, 1);
    verify(MIXTRAL).fails(5, "key llama.context_length");
    Files.write(output, right);
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(record.toFile());
    ((ObjectNode) json.get("removed")).putArray("0").add(3);
    Files.writeString(record, json.toString());
    verify(MIXTRAL).fails(5, "the bytes of the source's");
    ((ObjectNode) json.get("removed")).putArray("0").add(0).add(1).add(2).add(3);
    Files.writeString(record, json.toString());
    verify(MIXTRAL).fails(5, "as many experts in each block");
    Files.delete(record);
    verify(MIXTRAL).fails(3, "the record of the run that wrote");
  }

  private static int indexOf(byte[] bytes, String text) {
    return new String(bytes, StandardCharsets.ISO_8859_1).indexOf(text);
  }

  @Test
  void whatAnInterruptedRunLeftIsGoneOnWith() throws IOException {
    removeExpert("").succeeds();
    byte[] right = Files.readAllBytes(output);
    removeExpert("").fails(2, "the output exists");
    removeExpert("--resume").succeeds();
    Path part = directory.resolve("out.gguf.part");
    Files.move(output, part);
    Damage.flip(part, right.length / 2, 1);
    removeExpert("").fails(2, "--resume goes on with it");
    prune(
            "--model %s --structure experts --remove 2 --calibration %s --output %s --resume",
            MIXTRAL, TOKENS, output)
        .fails(2, "holds the output of another run");
    removeExpert("--resume").succeeds();
    assertThat(output).hasBinaryContent(right);
    assertThat(part).doesNotExist();
  }

  private Ended removeOfSplit(String options) {
    return prune(
        "--model %s --structure experts --sparsity 0.5 --calibration %s --samples 2 --output %s"
            + " --evaluate %s --json "
            + options,
        FOLDER.resolve("split/tiny-mixture-Q8_0-00001-of-00003.gguf"),
        FOLDER.resolve("tokens/tiny-mixture.json"),
        output,
        FOLDER.resolve("tokens/tiny-mixture.json"));
  }

  private Path part(int number, int count) {
    return directory.resolve("out-%05d-of-%05d.gguf".formatted(number, count));
  }

  /** A run that was killed has left parts that are complete, or not, or not named yet. */
  @Test
  void aSplitModelIsWrittenInPartsAndGoneOnWith() throws IOException {
    Path source = FOLDER.resolve("split/tiny-mixture-Q8_0-00001-of-00003.gguf");
    JsonNode found = removeOfSplit("").succeeds().json();
    assertThat(found.get("output").asText()).isEqualTo(part(1, 2).toString());
    long bytes = part(1, 2).toFile().length() + part(2, 2).toFile().length();
    assertThat(found.get("bytes_after").asLong()).isEqualTo(bytes);
    assertThat(output).doesNotExist();
    assertThat(verify(source).succeeds().json().get("verified").asBoolean()).isTrue();
    InProcess.line("verify --dense %s --pruned %s", source, part(1, 2)).succeeds();
    removeOfSplit("").fails(2, "what one has left");
    byte[] first = Files.readAllBytes(part(1, 2));
    byte[] second = Files.readAllBytes(part(2, 2));
    Path unfinished = directory.resolve("out-00001-of-00002.gguf.part");
    Files.move(part(1, 2), unfinished);
    Damage.flip(part(2, 2), second.length / 2, 1);
    removeOfSplit("--resume").succeeds();
    assertThat(part(1, 2)).hasBinaryContent(first);
    assertThat(part(2, 2)).hasBinaryContent(second);
    assertThat(unfinished).doesNotExist();
    Damage.flip(part(2, 2), second.length / 2, 1);
    verify(source).fails(5, part(2, 2).getFileName().toString());
    Files.delete(part(2, 2));
    verify(source).fails(5, part(2, 2).getFileName().toString());
  }

  @Test
  void shardSizeSaysHowASmallerModelIsSplit() {
    removeOfSplit("--shard-size 1GB").succeeds();
    assertThat(output).exists();
    removeExpert("--shard-size 20KB").fails(2, "the output exists");
    output = directory.resolve("other.gguf");
    removeExpert("--shard-size 20KB").succeeds();
    assertThat(output).doesNotExist();
    verify(MIXTRAL).succeeds();
  }

  /** Another run's parts may be there, and a part's name is none for a model. */
  @Test
  void whatIsThereIsNotWrittenOver() throws IOException {
    Files.writeString(part(2, 2), "mine");
    removeOfSplit("").fails(2, "the output exists");
    removeOfSplit("--resume").fails(2, "the output exists");
    assertThat(part(2, 2)).hasContent("mine");
    output = part(1, 2);
    removeOfSplit("").fails(2, "name it out.gguf");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--structure experts --remove 1 --update realign | `update` none for a GGUF file",
        "--method sparsegpt --sparsity 0.5 | keeps all other weights",
        "--method wanda --sparsity 0.5 --update alps | keeps all other weights"
      })
  void whatWouldWriteOtherCodesIsRefused(String options, String message) {
    Ended refused =
        prune("--model %s --calibration %s --output %s " + options, MIXTRAL, TOKENS, output);
    assertThat(refused.err()).contains(message.replace("`update`", "--update"));
    assertThat(output).doesNotExist();
  }

  /** Of 352 channels 88 would go; 64 do, as what reads them has codes in blocks of 32. */
  @ParameterizedTest
  @CsvSource({"greedy", "wanda", "flap", "magnitude"})
  void channelsOfCodesGoByWholeBlocks(String score) throws IOException {
    Path file = FOLDER.resolve("tiny-llama-Q4_0.gguf");
    removeOf(file, "channels", "--sparsity 0.25 --score " + score).succeeds();
    removed()
        .of(Structure.CHANNELS)
        .forEach(
            (block, gone) -> {
              assertThat(gone).hasSize(64);
              for (int at = 0; at < gone.size(); at++) {
                assertThat(gone.get(at) % 32).isEqualTo(at % 32);
                assertThat(gone.get(at) / 32).isEqualTo(gone.get(at - at % 32) / 32);
              }
            });
    verify(file).succeeds();
    InProcess.line(
            "perplexity --model %s --tokens %s --backend cpu",
            output, FOLDER.resolve("tokens/tiny-llama.json"))
        .succeeds();
  }

  private Ended removeOf(Path file, String structure, String options) {
    String tokens = file.getFileName().toString().startsWith("wide") ? "wide" : "tiny-llama";
    return prune(
        "--model %s --structure %s --calibration %s --samples 2 --output %s " + options,
        file,
        structure,
        FOLDER.resolve("tokens/%s.json".formatted(tokens)),
        output);
  }

  /** A group has two heads of 32, so its columns are whole blocks. */
  @Test
  void headsOfCodesGoWhereTheirColumnsAreWholeBlocks() throws IOException {
    Path file = FOLDER.resolve("tiny-llama-Q4_0.gguf");
    removeOf(file, "heads", "--remove 1").succeeds();
    assertThat(removed().count(Structure.HEADS)).isEqualTo(1);
    verify(file).succeeds();
  }

  /** 512 channels are two blocks of codes, and both groups of heads share one. */
  @Test
  void wideBlocksOfCodesGoAsOne() {
    Path file = FOLDER.resolve("wide-llama-Q4_K.gguf");
    removeOf(file, "heads", "--remove 1").fails(3, "2 or more times 2 groups of heads");
    removeOf(file, "channels", "--remove 32").fails(3, "such as 256");
    removeOf(file, "channels", "--remove 256").succeeds();
    verify(file).succeeds();
  }

  /** Said before samples run, with a number that works. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "channels | --remove 40 | a multiple of 32 of the 352 channels of each block to remove, such as 32",
        "channels | --remove 350 | such as 320",
        "channels | --sparsity 0.05 | at least 0.091, which removes 32 of 352 channels",
        "channels | --sparsity 0.15 --multiple 12 | at least 0.1819, which removes 64 of 352 channels"
      })
  void partsOfBlocksOfCodesAreRefused(String structure, String options, String message) {
    Path file = FOLDER.resolve("tiny-llama-Q4_0.gguf");
    removeOf(file, structure, options).fails(3, message);
    assertThat(output).doesNotExist();
  }

  @Test
  void inspectSaysWhatTheFileHas() {
    JsonNode found =
        InProcess.line("inspect --model %s --json", FOLDER.resolve("tiny-mixture-Q4_0.gguf"))
            .succeeds()
            .json();
    assertThat(found.get("model_type").asText()).isEqualTo("qwen2_moe");
    assertThat(found.get("gguf").get("types").get("Q4_0").asInt()).isPositive();
    assertThat(found.get("gguf").get("bytes").asLong())
        .isEqualTo(FOLDER.resolve("tiny-mixture-Q4_0.gguf").toFile().length());
    assertThat(
            InProcess.line("inspect --model %s", FOLDER.resolve("tiny-llama-Q4_K_M.gguf"))
                .succeeds()
                .out())
        .startsWith("llama, GGUF: a calibrated run is possible")
        .contains("tensors by type F32: 13, Q5_0: 39, Q8_0: 5");
  }

  @Test
  void textsAreTokenizedByTheFilesKeysOrByAnotherTokenizer() throws IOException {
    Path llama = FOLDER.resolve("tiny-llama-Q4_K_M.gguf");
    Path text =
        Files.writeString(directory.resolve("x.txt"), "The Nile is a great river. ".repeat(40));
    String windows = "--backend cpu --json --sequence-length 32 --text %s --model %s";
    JsonNode own = InProcess.line("perplexity " + windows, text, llama).succeeds().json();
    JsonNode others =
        InProcess.line("perplexity --tokenizer %s " + windows, TestData.TINY_LLAMA, text, llama)
            .succeeds()
            .json();
    assertThat(own).isEqualTo(others);
    InProcess.line(
            "calibrate --backend cpu --model %s --calibration %s --samples 2 --sequence-length 16"
                + " --output %s",
            llama, text, directory.resolve("norms.safetensors"))
        .succeeds();
    String prompt = "generate --backend cpu --json --tokens 4 --prompt river --model %s";
    assertThat(InProcess.line(prompt, llama).succeeds().json().get("text").isTextual()).isTrue();
    Path none = FOLDER.resolve("tiny-mixture-Q4_0.gguf");
    InProcess.line(prompt, none).fails(3, "key tokenizer.ggml.model: expected gpt2 or llama");
    InProcess.line(prompt + " --tokenizer %s", none, directory.resolve("nowhere"))
        .fails(3, "nowhere: expected a file, found nothing");
  }
}
