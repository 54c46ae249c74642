package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.EditedModel;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Experts;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code prune --structure experts} and {@code verify} of what it writes. */
class StructureCommandTest {
  private static final Path FIXTURE = TestData.fixture("mixtral");
  private static final Path MODEL = FIXTURE.resolve("model");

  @TempDir Path directory;

  private Path output;
  private Path source;

  @BeforeEach
  void name() {
    output = directory.resolve("out");
    source = TestData.copy(MODEL, directory.resolve("source"));
  }

  private Ended prune(Path model, String options, Object... values) {
    return InProcess.line(
        "prune --model %s --output %s --structure experts --backend cpu " + options,
        with(List.of(model, output), values));
  }

  private static Object[] with(List<Object> first, Object... values) {
    List<Object> all = new ArrayList<>(first);
    all.addAll(List.of(values));
    return all.toArray();
  }

  private Path scores(Path model, Integer... lowest) {
    return Experts.scores(model, directory.resolve("scores.safetensors"), List.of(lowest));
  }

  private Ended verify() {
    return InProcess.line("verify --dense %s --pruned %s --json", source, output);
  }

  @Test
  void samplesAndStatisticsGiveTheSameModel() {
    Path tokens = FIXTURE.resolve("tokens.json");
    Path statistics = directory.resolve("statistics.safetensors");
    InProcess.line(
            "calibrate --experts --model %s --calibration %s --output %s --backend cpu",
            MODEL, tokens, statistics)
        .succeeds();
    JsonNode sampled =
        prune(MODEL, "--calibration %s --sparsity 0.25 --evaluate %s --json", tokens, tokens)
            .succeeds()
            .json();
    assertThat(sampled.get("structure").asText()).isEqualTo("experts");
    assertThat(sampled.get("score").asText()).isEqualTo("reap");
    assertThat(sampled.get("removed").toString()).isEqualTo("{\"0\":[1],\"1\":[2]}");
    assertThat(sampled.get("parameters_before").asLong()).isEqualTo(51616);
    assertThat(sampled.get("parameters_after").asLong()).isEqualTo(42336);
    assertThat(sampled.get("bytes_before").asLong())
        .isEqualTo(MODEL.resolve("model.safetensors").toFile().length());
    assertThat(sampled.get("bytes_after").asLong())
        .isEqualTo(output.resolve("model.safetensors").toFile().length());
    assertThat(sampled.get("perplexity").get("after").asDouble()).isBetween(40.666, 40.667);
    Path other = output;
    output = directory.resolve("other");
    prune(MODEL, "--statistics %s --remove 1", statistics).succeeds();
    assertThat(output.resolve("model.safetensors"))
        .hasSameBinaryContentAs(other.resolve("model.safetensors"));
    assertThat(output.resolve("config.json")).hasSameTextualContentAs(other.resolve("config.json"));
  }

  /** Each family's names are known, and what is left of it is a model of the family. */
  @ParameterizedTest
  @CsvSource({
    "deepseek_v2, 2",
    "ernie4_5_moe, 2",
    "glm4_moe, 3",
    "glm4_moe-mtp, 3",
    "gpt_oss, 2",
    "granitemoe, 2",
    "llama4_text, 2",
    "minimax_m2, 3",
    "mixtral, 1",
    "olmoe, 2",
    "phimoe, 1",
    "qwen2_moe, 1",
    "qwen3_moe, 2",
    "qwen3_next, 2"
  })
  void familiesLoseExperts(String family, int count) {
    Path fixture = TestData.fixture(family);
    source = fixture.resolve("model");
    Integer[] lowest = IntStream.range(1, 1 + count).boxed().toArray(Integer[]::new);
    JsonNode result =
        prune(source, "--statistics %s --remove %s --json", scores(source, lowest), count)
            .succeeds()
            .json();
    assertThat(result.get("removed")).isNotEmpty();
    for (JsonNode block : result.get("removed")) {
      assertThat(block.valueStream().map(JsonNode::asInt)).containsExactly(lowest);
    }
    try (CpuDecoder smaller = CpuDecoder.open(output, 2)) {
      assertThat(smaller.perplexity(TestData.tokens(fixture.resolve("tokens.json"))))
          .isBetween(1.0, 1e4);
    }
    verify().succeeds();
    JsonNode config = TestData.json(output.resolve("config.json"));
    assertThat(config.path("num_nextn_predict_layers").asInt(0)).isZero();
  }

  @Test
  void dropScoresComeFromSamples() {
    Path statistics = directory.resolve("saved.safetensors");
    prune(
            source,
            "--score drop --remove 1 --calibration %s --save-statistics %s",
            FIXTURE.resolve("tokens.json"),
            statistics)
        .succeeds();
    Path first = output;
    output = directory.resolve("again");
    prune(source, "--score drop --remove 1 --statistics %s", statistics).succeeds();
    assertThat(output.resolve("model.safetensors"))
        .hasSameBinaryContentAs(first.resolve("model.safetensors"));
  }

  @Test
  void plansWriteNothing() {
    JsonNode plan =
        prune(source, "--remove 1 --statistics %s --dry-run --json", scores(source, 3))
            .succeeds()
            .json();
    assertThat(plan.get("removed").get("0").toString()).isEqualTo("[3]");
    assertThat(output).doesNotExist();
    long bytes = plan.get("bytes_after").asLong();
    JsonNode sampled =
        prune(
                source,
                "--remove 1 --calibration %s --dry-run --json",
                FIXTURE.resolve("tokens.json"))
            .succeeds()
            .json();
    assertThat(sampled.get("bytes_after").asLong()).isEqualTo(bytes);
    assertThat(sampled.has("removed")).isFalse();
    assertThat(output).doesNotExist();
    prune(source, "--remove 1 --statistics %s", scores(source, 3)).succeeds();
    assertThat(output.resolve("model.safetensors")).hasSize(bytes);
  }

  private void written() {
    prune(source, "--remove 1 --statistics %s --shard-size 60KB", scores(source, 1)).succeeds();
    assertThat(TestData.names(output)).contains("model-00003-of-00003.safetensors");
    verify().succeeds();
  }

  private static void flip(Path file, long fromEnd) throws IOException {
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(bytes.length() - fromEnd);
      int value = bytes.read();
      bytes.seek(bytes.length() - fromEnd);
      bytes.write(value ^ 1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void changedBytesAreFound(int shard) throws IOException {
    written();
    flip(output.resolve("model-0000%d-of-00003.safetensors".formatted(shard)), 5);
    verify().fails(5, "differs at byte");
  }

  @Test
  void exchangedRouterRowsAreFound() throws IOException {
    written();
    changeRows("model.layers.1.block_sparse_moe.gate.weight");
    verify().fails(5, "tensor model.layers.1.block_sparse_moe.gate.weight", "differs at byte 0");
  }

  private void changeRows(String tensor) throws IOException {
    for (int shard = 1; shard <= 3; shard++) {
      Path file = output.resolve("model-0000%d-of-00003.safetensors".formatted(shard));
      try (var in = SafetensorsFile.open(file)) {
        if (in.tensor(tensor).isPresent()) {
          long at = in.dataOffset() + in.tensor(tensor).get().begin();
          byte[] all = Files.readAllBytes(file);
          int row = (int) in.tensor(tensor).get().bytes() / 3;
          byte[] first = Arrays.copyOfRange(all, (int) at, (int) at + row);
          System.arraycopy(all, (int) at + row, all, (int) at, row);
          System.arraycopy(first, 0, all, (int) at + row, row);
          Files.write(file, all);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "config.json | \"num_local_experts\": 3 | \"num_local_experts\": 4 | config.json: expected",
        "config.json | \"rms_norm_eps\" | \"rms_norm_epS\" | config.json: expected",
        "wanda-cuda.json | \"0\" : [ 1 ] | \"0\" : [ 2 ] | differs at byte",
        "wanda-cuda.json | \"0\" : [ 1 ] | \"0\" : [ 1, 1 ] | block 0: expected 2 of the experts",
        "wanda-cuda.json | \"0\" : [ 1 ] | \"00\" : [ 1 ] | removed: expected {0=[1]",
        "wanda-cuda.json | \"0\" : [ 1 ] | \"7\" : [ 1 ] | those with mixtures, [0, 1]",
        "wanda-cuda.json | \"num_local_experts\" : 3 | \"num_local_experts\" : 2 | config:"
            + " expected",
        "wanda-cuda.json | \"experts\" | \"widths\" | expected structure as one of experts, blocks, channels, heads, auto, found widths",
        "model.safetensors.index.json | 00001-of | 00002-of | index.json: expected"
      })
  void changedFilesAreFound(String file, String from, String to, String said) throws IOException {
    written();
    TestData.replace(output.resolve(file), from, to);
    verify().fails(5, said);
  }

  @Test
  void missingAndAddedFilesAreFound() throws IOException {
    written();
    Files.copy(MODEL.resolve("model.safetensors"), output.resolve("more.safetensors"));
    verify().fails(5, "more.safetensors: expected nothing, as in the source");
    Files.delete(output.resolve("more.safetensors"));
    Files.delete(output.resolve("model-00002-of-00003.safetensors"));
    verify().fails(5, "model-00002-of-00003.safetensors");
  }

  @Test
  void anotherSourceIsFound() throws IOException {
    written();
    TestData.replace(source.resolve("config.json"), "1e-05", "1e-06");
    verify().fails(5, "source_sha256");
  }

  @Test
  void optionsThatSayNothingOfItAreRefused() throws IOException {
    written();
    InProcess.line("verify --dense %s --pruned %s --sparsity 0.5", source, output)
        .isRefused(2, "--sparsity");
    InProcess.line("prune --model %s --output %s --remove 1 --method magnitude", source, output)
        .isRefused(2, "--remove goes with --structure");
    for (String other :
        List.of("--in-place", "--packed", "--method wanda", "--pattern 2:4", "--include x")) {
      prune(source, other + " --statistics nowhere")
          .isRefused(2, "--structure and " + other.split(" ")[0] + " exclude each other");
    }
    prune(source, "--remove 1 --sparsity 0.5 --statistics nowhere")
        .isRefused(2, "--remove and --sparsity exclude each other");
    prune(source, "--score best --statistics nowhere")
        .isRefused(
            2,
            "one of [reap, frequency, ean, weighted, mean-square, drop] for experts, found 'best'");
    InProcess.line("prune --model %s --output %s --structure all", source, output)
        .isRefused(2, "--structure: expected experts or blocks or channels or heads or auto");
    prune(source, "--remove 1 --shard-size 0 --statistics %s", scores(source, 1))
        .isRefused(2, "--shard-size: expected a number");
  }

  @Test
  void partsOfARunAndAClusterComeToTheSame() throws IOException {
    written();
    Path whole = Files.move(output, directory.resolve("whole"));
    String asked = "--remove 1 --shard-size 60KB --statistics %s ";
    Path scores = directory.resolve("scores.safetensors");
    Path report = directory.resolve("report.json");
    JsonNode plan = prune(source, asked + "--part 1/2 --dry-run --json", scores).succeeds().json();
    assertThat(plan.get("part").get("shards")).hasSize(1);
    assertThat(output).doesNotExist();
    String first = asked + "--part 1/2 --json --report %s";
    assertThat(prune(source, first, scores, report).succeeds().json().get("part").toString())
        .isEqualTo("{\"number\":1,\"of\":2,\"done\":1,\"finished\":false}");
    assertThat(report).doesNotExist();
    assertThat(prune(source, asked + "--part 2/2 --report %s", scores, report).succeeds().out())
        .startsWith(output + ": part 2 of 2; 2 of 2 parts are done; 3 of 4 experts");
    assertThat(report).exists();
    Directories.assertSame(whole, output);
    verify().succeeds();
    Directories.remove(output);
    prune(source, asked + "--cluster local", scores).succeeds();
    Directories.assertSame(whole, output);
  }

  @Test
  void finishedOutputsAreTheirRunsAlone() {
    written();
    Path scores = directory.resolve("scores.safetensors");
    String same = "--resume --statistics %s ";
    prune(source, same + "--remove 1 --shard-size 60KB", scores).succeeds();
    for (String other :
        List.of(
            "--remove 2 --shard-size 60KB",
            "--remove 1 --shard-size 61KB",
            "--sparsity 0.5 --shard-size 60KB")) {
      prune(source, same + other, scores).isRefused(2, "the output of another run");
    }
    InProcess.line("prune --resume --method magnitude --model %s --output %s", source, output)
        .isRefused(2, "the output of another run");
    Path saved = directory.resolve("saved.safetensors");
    Path tokens = FIXTURE.resolve("tokens.json");
    output = directory.resolve("scored");
    prune(source, "--remove 1 --calibration %s --save-statistics %s", tokens, saved).succeeds();
    prune(source, "--remove 1 --calibration %s --score frequency --resume", tokens)
        .isRefused(2, "score (there reap, now frequency)");
    Path dense = TestData.fixture("llama-gqa").resolve("model");
    output = directory.resolve("narrow");
    String half = "--structure channels --score magnitude --sparsity 0.5 --calibration %s";
    narrow(dense, half, tokens).succeeds();
    narrow(dense, half + " --multiple 16 --resume", tokens)
        .isRefused(2, "the output of another run");
    output = directory.resolve("scored");
    InProcess.line(
            "prune --resume --method magnitude --model %s --output %s --structure experts",
            source, output)
        .isRefused(2, "--structure and --method exclude each other");
  }

  @Test
  void idleOptionsAreNamed() {
    Ended plan =
        prune(
                source,
                "--remove 1 --dry-run --statistics %s --checkpoint-every 9 --seed 1",
                scores(source, 1))
            .succeeds();
    assertThat(plan.err()).contains("--checkpoint-every has no effect", "--seed has no effect");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mixtral | 3 | num_experts_per_tok: expected at least 2 experts to stay, as many as a token is sent",
        "mixtral | 4 | expected 1 to 3 of the 4 experts of each mixture to remove, found 4",
        "mixtral | 0 | expected 1 to 3 of the 4 experts of each mixture to remove, found 0",
        "deepseek_v3 | 4 | n_group: expected as many experts of each of 4 groups to remove, and 2",
        "deepseek_v3 | 3 | n_group: expected as many experts of each of 4 groups",
        "llama-gqa | 1 | expected a mixture of experts, found a dense model"
      })
  void whatCanNotGoIsRefused(String name, int count, String said) {
    prune(TestData.fixture(name).resolve("model"), "--statistics nowhere --remove " + count)
        .isRefused(3, said);
    assertThat(output).doesNotExist();
  }

  @Test
  void codesAreOnlyFittedIfThatIsAskedFor() {
    String fit = "--remove %s --update realign --calibration %s";
    Path tokens = TestData.fixture("mxfp4-gpt_oss").resolve("tokens.json");
    source = TestData.fixture("mxfp4-gpt_oss").resolve("model");
    prune(source, fit, 3, tokens)
        .isRefused(3, "weights that aren't quantized, to be fitted", "--requantize rounds them");
    source = TestData.fixture("ct-int4-experts-mixtral").resolve("model");
    Ended refused = prune(source, fit + " --requantize", 1, tokens);
    assertThat(refused.fails(3, "to be fitted, found INT4").err()).doesNotContain("rounds them");
    assertThat(output).doesNotExist();
    source = TestData.fixture("modelopt-nvfp4-mixtral").resolve("model");
    prune(source, fit + " --requantize", 1, tokens).succeeds();
    prune(source, fit + " --requantize --resume", 1, tokens).succeeds();
    assertThat(TestData.json(output.resolve("wanda-cuda.json")).get("fitted")).isNotEmpty();
  }

  @Test
  void groupsLoseTheSameNumber() {
    source = TestData.fixture("fp8-block-deepseek_v3").resolve("model");
    JsonNode result =
        prune(source, "--statistics %s --sparsity 0.5 --json", scores(source, 0, 1, 2, 5))
            .succeeds()
            .json();
    // 12 in 4 groups: 1 of each, though int(12 * 0.5) are 6; of equal groups the least scored.
    assertThat(result.get("removed").toString()).isEqualTo("{\"1\":[0,5,8,11]}");
    verify().succeeds();
  }

  @Test
  void scoresOfAnotherModelAreRefused() {
    prune(source, "--remove 1 --statistics %s", FIXTURE.resolve("dense.statistics.safetensors"))
        .isRefused(3, "gate.expert_saliency", "scores of 4 experts", "none");
    Path qwen = TestData.fixture("qwen3_moe").resolve("model");
    InProcess.line(
            "calibrate --experts --model %s --calibration %s --output %s --backend cpu",
            TestData.fixture("llama-gqa").resolve("model"),
            TestData.fixture("llama-gqa").resolve("tokens.json"),
            directory.resolve("none.safetensors"))
        .isRefused(3, "a mixture of experts");
    prune(qwen, "--remove 1 --statistics %s", scores(source, 1)).isRefused(3, "expert_saliency");
  }

  /** Changes a tensor of a checkpoint, or leaves it out. */
  private interface Edit {
    /** Adds the tensor, its bytes, and others, as they are to be. */
    void add(TensorInfo tensor, byte[] bytes, SafetensorsBytes to);
  }

  /** Makes a copy of a quantized fixture in which some of the tensors are others. */
  private Path edited(String name, Edit edit) throws IOException {
    Path copy = TestData.copy(TestData.fixture(name).resolve("model"), directory.resolve("edited"));
    Path file = copy.resolve("model.safetensors");
    SafetensorsBytes made = new SafetensorsBytes();
    try (SafetensorsFile in = SafetensorsFile.open(file)) {
      for (TensorInfo tensor : in.stored()) {
        edit.add(tensor, TensorBytes.of(in, tensor), made);
      }
    }
    Path unused = made.write(file);
    return copy;
  }

  private static void put(TensorInfo tensor, String name, byte[] bytes, SafetensorsBytes to) {
    int[] shape = tensor.shape().stream().mapToInt(Long::intValue).toArray();
    to.raw(name, tensor.dtype(), bytes, shape);
  }

  private static Edit all() {
    return (tensor, bytes, to) -> put(tensor, tensor.name(), bytes, to);
  }

  private static final String NVFP4 = "modelopt-nvfp4-mixtral";

  @ParameterizedTest
  @ValueSource(strings = {"weight_scale", "input_scale"})
  void anExpertThatLacksWhatOthersHaveIsRefused(String ending) throws IOException {
    String missing = "model.layers.0.block_sparse_moe.experts.1.w1." + ending;
    Path model =
        edited(
            NVFP4,
            (tensor, bytes, to) -> {
              if (!tensor.name().equals(missing)) {
                put(tensor, tensor.name(), bytes, to);
              }
            });
    prune(model, "--remove 1 --statistics nowhere").isRefused(3, missing, "missing");
  }

  @Test
  void aRouterOfAnotherSizeIsRefused() throws IOException {
    String router = "model.layers.1.block_sparse_moe.gate.weight";
    Path model =
        edited(
            NVFP4,
            (tensor, bytes, to) -> {
              if (tensor.name().equals(router)) {
                int row = bytes.length / 4;
                int columns = tensor.shape().get(1).intValue();
                to.raw(router, tensor.dtype(), Arrays.copyOf(bytes, 3 * row), 3, columns);
              } else {
                put(tensor, tensor.name(), bytes, to);
              }
            });
    prune(model, "--remove 1 --statistics nowhere").isRefused(3, router, "shape");
  }

  @Test
  void aQuantizedRouterIsRefused() throws IOException {
    String router = "model.layers.1.block_sparse_moe.gate.weight";
    Path model =
        edited(
            NVFP4,
            (tensor, bytes, to) -> {
              put(tensor, tensor.name(), bytes, to);
              if (tensor.name().equals(router)) {
                to.f32(router.replace("weight", "input_scale"));
              }
            });
    prune(model, "--remove 1 --statistics nowhere").isRefused(3, "gate.input_scale", "a router");
  }

  @Test
  void settingsOfSingleExpertsAreRefused() throws IOException {
    Path model = edited("ct-int4-experts-mixtral", all());
    TestData.replace(
        model.resolve("config.json"),
        "\"ignore\": [",
        "\"ignore\": [\"model.layers.0.mlp.experts.3.up_proj\", ");
    prune(model, "--remove 1 --statistics nowhere")
        .isRefused(3, "quantization_config: expected no experts by their numbers");
  }

  @Test
  void expertsOfFormatsThatAreNotReadCanGo() throws IOException {
    source = edited(NVFP4, all());
    TestData.replace(source.resolve("config.json"), "\"modelopt\"", "\"exl3\"");
    prune(source, "--remove 1 --statistics %s", scores(source, 1)).succeeds();
    verify().succeeds();
    output = directory.resolve("sampled");
    prune(source, "--remove 1 --calibration %s", FIXTURE.resolve("tokens.json"))
        .isRefused(3, "exl3", "removing whole experts work");
  }

  /** Loaders count their experts by the same key and leave them out anyway. */
  @Test
  void blocksThatPredictSeveralTokensGo() throws IOException {
    source =
        edited(
            "fp8-block-deepseek_v3",
            (tensor, bytes, to) -> {
              put(tensor, tensor.name(), bytes, to);
              if (tensor.name().startsWith("model.layers.1.")) {
                put(tensor, tensor.name().replace("layers.1.", "layers.2."), bytes, to);
              }
              if (tensor.name().equals("lm_head.weight")) {
                to.f32("model.layers.2.eh_proj.weight", 2, 2);
              }
            });
    JsonNode result =
        prune(source, "--remove 4 --statistics %s --json", scores(source, 0, 3, 6, 9))
            .succeeds()
            .json();
    assertThat(result.get("removed").toString()).isEqualTo("{\"1\":[0,3,6,9]}");
    assertThat(TestData.bytes(output.resolve("model.safetensors")).keySet())
        .noneMatch(name -> name.startsWith("model.layers.2."));
    verify().succeeds();
  }

  private Ended narrow(Path model, String options, Object... values) {
    return InProcess.line(
        "prune --model %s --output %s --backend cpu " + options,
        with(List.of(model, output), values));
  }

  private Ended verifyNarrow() {
    return InProcess.line("verify --dense %s --pruned %s --json", TestData.TINY_LLAMA, output);
  }

  @Test
  void weightsAreFittedFrom64SamplesOn() throws IOException {
    for (int samples : List.of(63, 64)) {
      Path tokens = directory.resolve(samples + ".json");
      Files.writeString(tokens, "[" + "[1,2,3],".repeat(samples - 1) + "[4,5,6]]");
      output = directory.resolve("out" + samples);
      JsonNode result =
          narrow(
                  TestData.TINY_LLAMA,
                  "--structure channels --sparsity 0.5 --shard-size 1GB --calibration %s --json",
                  tokens)
              .succeeds()
              .json();
      boolean fits = samples == 64;
      assertThat(result.get("update").asText()).isEqualTo(fits ? "realign" : "none");
      assertThat(result.get("channels_before").asInt()).isEqualTo(352);
      assertThat(result.get("channels_after").asInt()).isEqualTo(192);
      assertThat(result.get("removed").get("5")).hasSize(160);
      assertThat(verifyNarrow().succeeds().json().get("unchecked").toString().contains("fitted"))
          .isEqualTo(fits);
      assertThat(
              InProcess.line("verify --dense %s --pruned %s", TestData.TINY_LLAMA, output)
                  .succeeds()
                  .out())
          .contains(
              fits
                  ? "verified but for 12 tensors with fitted weights, which nothing proves"
                  : "with parts removed and nothing else changed");
    }
    JsonNode record = TestData.json(output.resolve("wanda-cuda.json"));
    assertThat(record.get("fitted")).hasSize(12);
    assertThat(TestData.json(output.resolve("config.json")).get("intermediate_size").asInt())
        .isEqualTo(192);
    String gate = "model.layers.0.mlp.gate_proj.weight";
    String down = "model.layers.0.mlp.down_proj.weight";
    String list = "\"fitted\" : [ ";
    TestData.replace(output.resolve("wanda-cuda.json"), list, list + "\"" + gate + "\", ");
    verifyNarrow().fails(5, "fitted_sha256: expected a digest of " + gate + ", found nothing");
    TestData.replace(output.resolve("wanda-cuda.json"), list + "\"" + gate + "\", ", list);
    fill(down, (byte) 0x55);
    verifyNarrow().fails(5, down, "the fitted weights of which wanda-cuda.json has the SHA-256");
    // As versions that wrote no digests have left it.
    ObjectNode older = (ObjectNode) TestData.json(output.resolve("wanda-cuda.json"));
    assertThat(older.remove("fitted_sha256")).hasSize(12);
    Files.writeString(output.resolve("wanda-cuda.json"), older.toString());
    assertThat(verifyNarrow().succeeds().json().get("unproven")).hasSize(12);
    String compact = "\"fitted\":[";
    TestData.replace(output.resolve("wanda-cuda.json"), compact, compact + "\"" + gate + "\",");
    verifyNarrow().fails(5, "fitted weights of output projections alone, found " + gate);
    TestData.replace(output.resolve("wanda-cuda.json"), compact + "\"" + gate + "\",", compact);
    fill(down, (byte) 0xff);
    verifyNarrow().fails(5, "expected finite weights");
    fill(down, (byte) 0);
    verifyNarrow().succeeds();
    fill(gate, (byte) 0);
    verifyNarrow().fails(5, gate);
  }

  private void fill(String tensor, byte value) throws IOException {
    Path shard = output.resolve("model.safetensors");
    long begin;
    try (SafetensorsFile file = SafetensorsFile.open(shard)) {
      TensorInfo info =
          file.tensors().stream().filter(each -> each.name().equals(tensor)).findFirst().get();
      begin = file.headerBytes().length + info.begin();
    }
    try (RandomAccessFile bytes = new RandomAccessFile(shard.toFile(), "rw")) {
      bytes.seek(begin);
      bytes.write(new byte[] {value, value});
    }
  }

  /** Modules can't be left out of what goes whole. */
  @Test
  void noHintNamesWhatDoesNotGoWithIt() throws IOException {
    EditedModel edited = EditedModel.of(TestData.fixture("llama-gqa").resolve("model"));
    edited
        .tensors()
        .computeIfPresent(
            "model.layers.0.self_attn.q_proj.weight",
            (name, old) -> EditedModel.Tensor.zeros("F64", Double.BYTES, old.shape()));
    Path model = edited.write(directory.resolve("unread"));
    Path tokens = TestData.fixture("llama-gqa").resolve("tokens.json");
    for (String parts : List.of("--structure=channels", "--structure heads")) {
      String said =
          narrow(model, parts + " --remove 1 --calibration %s", tokens)
              .isRefused(3, "found F64")
              .err();
      assertThat(said).doesNotContain("--exclude");
    }
    narrow(model, "--calibration %s", tokens)
        .isRefused(3, "found F64; leave it out with --exclude");
  }

  @ParameterizedTest
  @CsvSource({"999999999999GB, 1", "10000000000GB, 1", "500KB, 7"})
  void shardsAreAsLargeAsAskedFor(String size, int shards) {
    Path tokens = TestData.GOLDEN.resolve("calibration.json");
    narrow(
            TestData.TINY_LLAMA,
            "--structure channels --remove 1 --score magnitude --samples 1 --calibration %s"
                + " --shard-size %s",
            tokens,
            size)
        .succeeds();
    assertThat(TestData.names(output).stream().filter(name -> name.endsWith(".safetensors")))
        .hasSize(shards);
    verifyNarrow().succeeds();
  }

  /** What a search will choose isn't known before, but what it tries is. */
  @Test
  void plansOfASearchSayWhatItTries() {
    Path tokens = TestData.fixture("llama-gqa").resolve("tokens.json");
    Path model = TestData.fixture("llama-gqa").resolve("model");
    String search = "--structure auto --sparsity 0.5 --update none --calibration %s";
    JsonNode plan = narrow(model, search + " --dry-run --json", tokens).succeeds().json();
    Ended said = narrow(model, search + " --dry-run", tokens).succeeds();
    assertThat(output).doesNotExist();
    assertThat(said.out()).contains("would try ", "  without ").doesNotContain("chosen by");
    assertThat(plan.has("channels_after")).isFalse();
    JsonNode result = narrow(model, search + " --json", tokens).succeeds().json();
    assertThat(mixes(plan)).containsExactlyInAnyOrderElementsOf(mixes(result));
    assertThat(plan.get("bytes_after_most").asLong())
        .isGreaterThanOrEqualTo(result.get("bytes_after").asLong());
  }

  /** As many go of each group: 12 experts in 4 groups lose 4 or none, never one. */
  @Test
  void aSearchStepsByGroupsOfExperts() {
    Path fixture = Path.of("testdata/quantized/fp8-block-deepseek_v3");
    JsonNode result =
        narrow(
                fixture.resolve("model"),
                "--structure auto --sparsity 0.2 --update none --calibration %s --json",
                fixture.resolve("tokens.json"))
            .succeeds()
            .json();
    assertThat(result.get("trials").findValuesAsText("experts")).contains("4");
  }

  private static List<String> mixes(JsonNode result) {
    return result
        .get("trials")
        .valueStream()
        .map(mix -> mix.path("blocks") + ", " + mix.path("channels") + ", " + mix.path("heads"))
        .toList();
  }

  @Test
  void mixesAreTriedAndProven() {
    Path tokens = TestData.fixture("llama-gqa").resolve("tokens.json");
    Path model = TestData.fixture("llama-gqa").resolve("model");
    JsonNode result =
        narrow(
                model,
                "--structure auto --sparsity 0.5 --update realign --calibration %s --json",
                tokens)
            .succeeds()
            .json();
    assertThat(result.get("trials").size()).isGreaterThan(1);
    assertThat(result.get("trials").get(0).get("perplexity").asDouble())
        .isLessThanOrEqualTo(result.get("trials").get(1).get("perplexity").asDouble());
    InProcess.line("verify --dense %s --pruned %s", model, output).succeeds();
    narrow(
            model,
            "--structure auto --sparsity 0.5 --update realign --calibration %s --resume",
            tokens)
        .succeeds();
  }

  @ParameterizedTest
  @CsvSource({
    "llama-gqa, auto --sparsity 0.5, What was tried, Chosen by",
    "mixtral, experts --remove 1 --score frequency, Scores by block: frequency, experts",
    "smollm3, blocks --remove 1 --score influence, Scores by block: influence, all of it",
    "llama-gqa, channels --remove 40, … 40 in all, channels",
  })
  void reportsSayWhatWent(String family, String options, String shown, String also)
      throws IOException {
    Path fixture = TestData.fixture(family);
    Path tokens = fixture.resolve("tokens.json");
    String command =
        "--structure " + options + " --calibration %s --evaluate %s --report %s --resume";
    Path page = directory.resolve("report.html");
    narrow(fixture.resolve("model"), command, tokens, tokens, page).succeeds();
    assertThat(Files.readString(page)).contains("Parts removed: ", "Perplexity", shown, also);
    Path numbers = directory.resolve("report.json");
    narrow(fixture.resolve("model"), command, tokens, tokens, numbers).succeeds();
    JsonNode found = TestData.json(numbers);
    assertThat(found.at("/command/0").asText()).isEqualTo("prune");
    assertThat(found.at("/perplexity/after").isNumber()).isTrue();
    assertThat(found.at("/inputs/text/file").asText()).isEqualTo(tokens.toString());
    assertThat(found.at("/scores").isEmpty()).isEqualTo(!shown.startsWith("Scores"));
    found.at("/scores").forEach(curve -> assertThat(curve).isNotEmpty());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mixtral | channels --remove 1 | 3 | no mixtures and all of one width",
        "bloom | channels --remove 1 | 3 | expected the width of all MLPs, 128, found none",
        "llama-gqa | channels --remove 400 | 3 | channels of each block to remove",
        "qwen2 | heads --remove 1 | 3 | whose loaders read head_dim",
        "stablelm | heads --remove 1 | 3 | whose loaders read head_dim",
        "llama-mha | heads --remove 1 | 3 | a divisor of hidden_size 32",
        "llama-gqa | channels --sparsity 0.5 --multiple 0 | 2 | --multiple: expected 1 or more",
        "llama-gqa | heads --sparsity 0.5 --multiple 8 | 2 | --multiple: expected 1 or more",
        "llama-gqa | channels --remove 8 --multiple 8 | 2 | exclude each other",
        "llama-gqa | auto --remove 8 | 2 | exclude each other",
        "smollm3 | blocks --remove 1 --update reconstruct | 2 | expected realign or none",
        "llama-gqa | channels --remove 1 --score reap | 2 | one of [greedy, wanda, flap",
        "falcon | heads --remove 1 | 3 | 2 or more groups of heads in each block",
        "smollm3 | blocks --remove 1 --sequence-length 1 | 2 | samples of 2 tokens or more",
        "llama-gqa | auto --sparsity 0.5 --sequence-length 1 | 2 | samples of 2 tokens or more",
        "gpt_neox | channels --remove 8 --update realign | 3 | blocks that add two branches",
        "gemma2 | channels --remove 8 --update realign | 3 | blocks that add two branches",
      })
  void whatCannotGoIsRefused(String family, String options, int exit, String said) {
    Path fixture = TestData.fixture(family);
    narrow(
            fixture.resolve("model"),
            "--structure " + options + " --calibration %s",
            fixture.resolve("tokens.json"))
        .fails(exit, said);
    assertThat(output).doesNotExist();
  }
}
