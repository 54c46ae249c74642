package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Zeros that {@code prune} writes into the codes of a GGUF file, and {@code verify} finds there.
 */
class GgufZerosCommandTest {
  private static final Path FOLDER = Path.of("testdata", "gguf");
  private static final Path TINY = FOLDER.resolve("tiny-llama-Q4_0.gguf");

  @TempDir Path directory;

  private Path output;
  private Path record;

  @BeforeEach
  void name() {
    output = directory.resolve("out.gguf");
    record = directory.resolve("out.gguf.wanda-cuda.json");
  }

  private Ended prune(Path model, Path to, String options, Object... values) {
    return InProcess.line(
        "prune --backend cpu --model %s --output %s --json " + options.formatted(values),
        model,
        to);
  }

  private Ended verify(Path dense) {
    return InProcess.line("verify --dense %s --pruned %s --json", dense, output);
  }

  /** The masks are those of the same model as a directory, whatever the file's order of rows. */
  @ParameterizedTest
  @CsvSource({
    "llama-gqa, wanda --sparsity 0.5",
    "llama-gqa, ria --pattern 2:4",
    "mixtral, wanda --pattern 1:4",
    "gpt2, wanda --sparsity 0.5",
    "bloom, wanda-variant --sparsity 0.6",
    "gpt_neox, wanda --sparsity 0.3 --refine swaps",
    "granitemoe, magnitude --sparsity 0.5",
    "phi3, wanda --sparsity 0.5 --allocation owl",
    "qwen2_moe, wanda --pattern 2:4",
    "minimax_m2, wanda --sparsity 0.5 --allocation atp"
  })
  void masksAreThoseOfTheDirectory(String model, String method) {
    Path file = FOLDER.resolve("arch/%s-F32.gguf".formatted(model));
    Path tokens = FOLDER.resolve("tokens/arch-%s.json".formatted(model));
    String options = "--method " + method;
    if (!method.startsWith("magnitude")) {
      options += " --calibration " + tokens;
    }
    Path folder = directory.resolve("pruned");
    JsonNode there =
        prune(TestData.fixture(model).resolve("model"), folder, options).succeeds().json();
    JsonNode here = prune(file, output, options).succeeds().json();
    for (String key : new String[] {"mask_sha256", "modules", "sparsity", "zero_rows"}) {
      assertThat(here.get(key)).as(key).isNotNull().isEqualTo(there.get(key));
    }
    assertThat(verify(file).succeeds().json().get("verified").asBoolean()).isTrue();
  }

  /** Of two neighbours in a byte one form has two that are 16 apart in the other. */
  @Test
  void masksOfInterleavedExpertsAreThoseOfTheDirectory() {
    String options = "--method magnitude --pattern 2:4";
    Path model = TestData.fixture("mxfp4-gpt_oss").resolve("model");
    JsonNode there = prune(model, directory.resolve("pruned"), options).succeeds().json();
    JsonNode here = prune(FOLDER.resolve("gpt_oss-MXFP4.gguf"), output, options).succeeds().json();
    assertThat(here.get("mask_sha256")).isNotNull().isEqualTo(there.get("mask_sha256"));
  }

  /** Whatever the type of the codes; of experts in a stack, and of interleaved ones. */
  @ParameterizedTest
  @CsvSource({
    "tiny-llama-Q4_0, magnitude --sparsity 0.5",
    "tiny-llama-Q4_K_M, wanda --sparsity 0.5",
    "wide-llama-Q3_K, wanda --pattern 2:4",
    "wide-llama-Q6_K, wanda --sparsity 0.7",
    "wide-llama-TQ1_0, magnitude --pattern 2:4",
    "wide-llama-TQ2_0, wanda --sparsity 0.5",
    "wide-qwen3moe-MXFP4, wanda --pattern 2:4",
    "gpt_oss-MXFP4, wanda --sparsity 0.5",
    "gpt_oss-4-MXFP4, magnitude --sparsity 0.5",
    "tiny-mixture-Q4_0, wanda --sparsity 0.5 --unreached keep",
    "split/tiny-mixture-Q8_0-00001-of-00003, magnitude --sparsity 0.5"
  })
  void codesOfEachTypeAreZeroed(String model, String method) {
    Path file = FOLDER.resolve(model + ".gguf");
    JsonNode expected = TestData.json(FOLDER.resolve("expected.json")).path(model + ".gguf");
    Path tokens = FOLDER.resolve("tokens/%s.json".formatted(expected.path("tokens").textValue()));
    String options = "--no-card --method " + method;
    if (!method.startsWith("magnitude")) {
      options += " --samples 4 --calibration " + tokens;
    }
    Path report = directory.resolve("report.json");
    JsonNode done = prune(file, output, options + " --report " + report).succeeds().json();
    assertThat(done.get("sparsity").asDouble()).isPositive();
    assertThat(report).exists();
    verify(file).succeeds();
    InProcess.line("perplexity --model %s --tokens %s --backend cpu", output, tokens).succeeds();
  }

  /** The zeros of a pruned directory are the masks of a file, whose zeros are another file's. */
  @Test
  void masksAreTakenFromAnotherForm() {
    Path folder = directory.resolve("pruned");
    prune(TestData.TINY_LLAMA, folder, "--method magnitude --pattern 2:4").succeeds();
    JsonNode first = prune(TINY, output, "--method masks --masks %s", folder).succeeds().json();
    assertThat(first.get("sparsity").asDouble()).isBetween(0.5, 0.6);
    verify(TINY).succeeds();
    Path again = directory.resolve("again.gguf");
    JsonNode second =
        prune(FOLDER.resolve("tiny-llama-Q4_K_M.gguf"), again, "--method masks --masks %s", output)
            .succeeds()
            .json();
    assertThat(second.get("sparsity").asDouble())
        .isGreaterThanOrEqualTo(first.get("sparsity").asDouble());
  }

  @Test
  void verifyFindsEachChange() throws IOException {
    prune(TINY, output, "--method magnitude --pattern 2:4").succeeds();
    byte[] right = Files.readAllBytes(output);
    for (long at : new long[] {-40, right.length / 2, right.length / 3}) {
      Damage.flip(output, at, 1);
      verify(TINY).fails(5, "");
      Files.write(output, right);
    }
    int key = new String(right, StandardCharsets.ISO_8859_1).indexOf("llama.context_length");
    Damage.flip(output, key + "llama.context_length".length() + Integer.BYTES, 1);
    verify(TINY).fails(5, "key llama.context_length");
    Files.write(output, right);
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(record.toFile());
    for (String change : new String[] {"pruned", "zeros", "elements"}) {
      ObjectNode other = json.deepCopy().put(change, 7);
      Files.writeString(record, other.toString());
      verify(TINY).fails(5, change);
    }
    Files.writeString(record, json.deepCopy().put("mask_sha256", "0".repeat(64)).toString());
    verify(TINY).fails(5, "mask_sha256");
    Files.writeString(record, json.deepCopy().put("source_sha256", "0".repeat(64)).toString());
    verify(TINY).fails(5, "it was not made from this source");
    Files.writeString(record, json.deepCopy().put("pattern", "3:4").toString());
    verify(TINY).fails(5, "");
    Files.writeString(record, json.toString());
    verify(FOLDER.resolve("tiny-llama-Q4_K_M.gguf")).fails(5, "");
    verify(TINY).succeeds();
    InProcess.line("verify --dense %s --pruned %s --sparsity 0.5", TINY, output)
        .fails(2, "is verified by its record");
    Files.delete(record);
    verify(TINY).fails(3, "the record of the run that wrote");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "wide-llama-Q4_K | --method magnitude --sparsity 0.5 | Q4_K of model.layers.0",
        "wide-llama-Q2_K | --method magnitude --sparsity 0.5 | and 11 more",
        "wide-llama-IQ4_XS | --method magnitude --sparsity 0.5 | a code that is 0",
        "arch/deepseek_v3-F32 | --method magnitude --sparsity 0.5 | kv_b_proj.weight",
        "tiny-llama-Q4_0 | --method magnitude --sparsity 0.5 --packed | for packing the output",
        "tiny-llama-Q4_0 | --method magnitude --sparsity 0.5 --part 1/2 | writing it in parts"
      })
  void whatCantBeZeroedIsRefusedAtOnce(String model, String options, String message) {
    Ended refused = prune(FOLDER.resolve(model + ".gguf"), output, options);
    assertThat(refused.err()).contains(message);
    assertThat(refused.err().lines()).hasSize(1);
    assertThat(output).doesNotExist();
    assertThat(directory).isEmptyDirectory();
  }

  @ParameterizedTest
  @ValueSource(strings = {"sparsegpt", "wanda --update alps", "wanda --update reconstruct"})
  void methodsThatFitWeightsAreRefused(String method) {
    Ended refused =
        prune(
            TINY,
            output,
            "--method %s --sparsity 0.5 --calibration %s",
            method,
            FOLDER.resolve("tokens/tiny-llama.json"));
    assertThat(refused.err()).contains("a method that keeps all other weights");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void nothingIsWrittenInPlace() {
    InProcess.line(
            "prune --backend cpu --model %s --in-place --method magnitude --sparsity 0.5", TINY)
        .fails(3, "for --in-place");
  }
}
