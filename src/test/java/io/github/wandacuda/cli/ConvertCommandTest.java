package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.gguf.GgufTokenizer;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.EditedModel;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.text.DjlTokenizer;
import io.github.wandacuda.text.TokenizerFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models that {@code convert} writes in GGUF, read again. */
class ConvertCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path directory;

  private Path output;

  @BeforeEach
  void name() {
    output = directory.resolve("out.gguf");
  }

  private Ended convert(Path model, String type) {
    return InProcess.line("convert --model %s --output %s --type %s --json", model, output, type);
  }

  private static Path family(String name) {
    return TestData.fixture(name).resolve("model");
  }

  /** F32 and BF16 hold every weight of these models exactly. */
  @ParameterizedTest
  @CsvSource({
    "llama-gqa, F32",
    "llama-mha, F32",
    "llama-linear, F32",
    "llama-yarn, F32",
    "mixtral, F32",
    "qwen2, F32",
    "qwen3, F32",
    "qwen2_moe, F32",
    "gemma, F32",
    "granite, F32",
    "olmoe, F32",
    "seed_oss, F32"
  })
  void perplexityIsTheDirectorysToTheBit(String name, String type) {
    convert(family(name), type).succeeds();
    List<int[]> tokens = TestData.tokens(TestData.fixture(name).resolve("tokens.json"));
    try (CpuDecoder source = CpuDecoder.open(family(name), 2);
        CpuDecoder written = CpuDecoder.open(output, 2)) {
      // Gemma's gains are stored with 1 added, which rounds them.
      double rounding = name.equals("gemma") ? 1e-5 : 0;
      assertThat(written.perplexity(tokens)).isCloseTo(source.perplexity(tokens), within(rounding));
    }
  }

  /** Divisors of frequencies are rounded to float32. */
  @Test
  void scaledPositionsAreLlama3s() {
    convert(family("llama3"), "F32").succeeds();
    List<int[]> tokens = TestData.tokens(TestData.fixture("llama3").resolve("tokens.json"));
    try (CpuDecoder source = CpuDecoder.open(family("llama3"), 2);
        CpuDecoder written = CpuDecoder.open(output, 2)) {
      assertThat(written.perplexity(tokens)).isCloseTo(source.perplexity(tokens), within(1e-3));
    }
  }

  @Test
  void aModelInBf16KeepsItsBitsAndItsTokens() throws IOException {
    JsonNode result = convert(TestData.TINY_LLAMA, "BF16").succeeds().json();
    assertThat(result.get("types")).hasToString("{\"BF16\":44,\"F32\":13}");
    assertThat(result.get("modules").asInt()).isEqualTo(42);
    assertThat(result.get("bytes_after").asLong()).isEqualTo(Files.size(output));
    assertThat(result.get("bytes_before").asLong()).isPositive();
    List<int[]> tokens =
        TestData.tokens(Path.of("testdata/gguf/tokens/tiny-llama.json")).subList(0, 2);
    try (CpuDecoder source = CpuDecoder.open(TestData.TINY_LLAMA, 2);
        CpuDecoder written = CpuDecoder.open(output, 2)) {
      assertThat(written.perplexity(tokens)).isEqualTo(source.perplexity(tokens));
    }
    String text = Files.readString(Path.of("testdata/README.md"));
    try (DjlTokenizer source = DjlTokenizer.open(TokenizerFile.in(TestData.TINY_LLAMA));
        DjlTokenizer written = DjlTokenizer.open(GgufTokenizer.open(output))) {
      for (String line : text.split("(?<=\n)")) {
        assertThat(written.encode(line)).as(line).isEqualTo(source.encode(line));
      }
    }
  }

  /** Also where an offset would move them, and the others stay near what they were. */
  @ParameterizedTest
  @ValueSource(strings = {"F16", "Q8_0", "Q4_0", "Q5_0", "Q4_1", "Q5_1"})
  void zerosOfAPrunedModelStay(String type) {
    Path pruned = directory.resolve("pruned");
    InProcess.line(
            "prune --backend cpu --model %s --output %s --method magnitude --sparsity 0.5",
            TestData.TINY_LLAMA, pruned)
        .succeeds();
    convert(pruned, type).succeeds();
    double errors = 0;
    double squares = 0;
    try (ModelDirectory source = ModelDirectory.open(pruned);
        ModelDirectory written = ModelDirectory.open(output)) {
      for (LinearModule module : source.modules()) {
        String name = module.tensor().name();
        float[] before = numbers(source, name);
        float[] after = numbers(written, name);
        for (int i = 0; i < before.length; i++) {
          if (before[i] == 0) {
            assertThat(after[i]).as("%s %d", name, i).isZero();
          }
          errors += (before[i] - after[i]) * (before[i] - after[i]);
          squares += before[i] * before[i];
        }
      }
    }
    assertThat(Math.sqrt(errors / squares)).isLessThan(0.1);
  }

  /** Its fixture has a dense block, which becomes one with the other's experts. */
  @Test
  void qwen3sMixtureIsWritten() throws IOException {
    EditedModel model = EditedModel.of(family("qwen3_moe"));
    Map<String, EditedModel.Tensor> tensors = model.tensors();
    for (String name : List.copyOf(tensors.keySet())) {
      if (name.startsWith("model.layers.1.mlp.")) {
        tensors.remove(name);
      }
    }
    for (String name : List.copyOf(tensors.keySet())) {
      if (name.startsWith("model.layers.0.mlp.")) {
        tensors.put(name.replace("layers.0.", "layers.1."), tensors.get(name));
      }
    }
    model.config().putArray("mlp_only_layers");
    Path edited = Files.createDirectory(directory.resolve("edited"));
    model.write(edited);
    convert(edited, "F32").succeeds();
    List<int[]> tokens = TestData.tokens(TestData.fixture("qwen3_moe").resolve("tokens.json"));
    try (CpuDecoder source = CpuDecoder.open(edited, 2);
        CpuDecoder written = CpuDecoder.open(output, 2)) {
      assertThat(written.perplexity(tokens)).isEqualTo(source.perplexity(tokens));
    }
  }

  private static float[] numbers(ModelDirectory model, String name) {
    Checkpoint.Entry entry = model.checkpoint().find(name).orElseThrow();
    byte[] bytes = new byte[Math.toIntExact(entry.info().bytes())];
    entry.shard().read(entry.info(), 0, MemorySegment.ofArray(bytes));
    float[] numbers = new float[Math.toIntExact(entry.info().elements())];
    entry
        .info()
        .type()
        .orElseThrow()
        .read(MemorySegment.ofArray(bytes), 0, 1, numbers, 0, numbers.length);
    return numbers;
  }

  private Path edited(String name, String key, String value) throws IOException {
    Path model = Files.createDirectory(directory.resolve("edited"));
    for (String file : TestData.names(family(name))) {
      Files.copy(family(name).resolve(file), model.resolve(file));
    }
    ObjectNode config = (ObjectNode) JSON.readTree(family(name).resolve("config.json").toFile());
    config.set(key, JSON.readTree(value));
    Files.writeString(model.resolve("config.json"), config.toString());
    return model;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llama-gqa | sliding_window | 16 | sliding_window: expected null",
        "llama-gqa | hidden_act | \"gelu\" | hidden_act: expected silu",
        "llama-gqa | num_hidden_layers | 1 | as many blocks as there are tensors of",
        "llama-gqa | num_hidden_layers | 3 | num_hidden_layers",
        "llama-gqa | num_attention_heads | 5 | 5 heads",
        "llama-gqa | rope_scaling | {\"rope_type\": \"dynamic\", \"factor\": 2} | found dynamic",
        "qwen3 | num_attention_heads | 0 | num_attention_heads",
        "qwen3 | head_dim | -16 | head_dim",
        "qwen3 | rms_norm_eps | \"x\" | rms_norm_eps",
        "llama3 | head_dim | 0 | head_dim",
        "qwen3_moe | norm_topk_prob | false | norm_topk_prob",
        "qwen3_moe | mlp_only_layers | [] | 3 blocks with the same tensors",
        "qwen3_moe | model_type | \"lstm\" | expected one of "
      })
  void whatLlamaCppWouldComputeOtherwiseIsRefused(
      String name, String key, String value, String message) throws IOException {
    Ended refused = convert(edited(name, key, value), "F32").fails(3, message);
    assertThat(refused.err().lines()).hasSize(1);
    assertThat(output).doesNotExist();
    assertThat(directory.resolve("out.gguf.part")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-dynamic", "mistral", "gpt2", "bloom", "opt"})
  void familiesWithoutAFormAreRefused(String name) {
    Ended refused = convert(family(name), "F32").fails(3, "config.json");
    assertThat(refused.err().lines()).hasSize(1);
    assertThat(output).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp8-tensor-llama-gqa", "ct-int8-channel-llama-gqa"})
  void quantizedWeightsAreRefused(String name) {
    Ended refused = convert(family(name), "F32").fails(3, "expected F32, F16 or BF16");
    assertThat(refused.err().lines()).hasSize(1);
  }

  @Test
  void nothingIsReplacedAndNoOtherTypeTaken() throws IOException {
    Files.writeString(output, "mine");
    convert(family("llama-gqa"), "F32").fails(2, "the output exists");
    assertThat(output).hasContent("mine");
    Files.delete(output);
    convert(family("llama-gqa"), "IQ4_NL").fails(2, "IQ4_NL");
    convert(Path.of("testdata/gguf/arch/llama-gqa-F32.gguf"), "F32").fails(3, "for convert");
    assertThat(directory).isEmptyDirectory();
  }
}
