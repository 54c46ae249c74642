package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What each command makes of quantized models. */
class QuantizedCommandsTest {
  private static final String BLOCK = "fp8-block-llama-wide";
  private static final String GPTQ = "gptq-v1-order-llama-gqa";

  @TempDir Path directory;

  private static Path model(String fixture) {
    return TestData.fixture(fixture).resolve("model");
  }

  private static Path tokens(String fixture) {
    return TestData.fixture(fixture).resolve("tokens.json");
  }

  private static Path statistics(String fixture) {
    return TestData.fixture(fixture).resolve("dense.statistics.safetensors");
  }

  private Path pruned(String fixture, String way) {
    Path output = directory.resolve("out" + Math.floorMod(way.hashCode(), 1 << 20));
    InProcess.line(
            "prune --quiet --backend cpu " + way, "--model", model(fixture), "--output", output)
        .succeeds();
    return output;
  }

  static List<String> all() {
    return TestData.quantized();
  }

  @ParameterizedTest
  @MethodSource("all")
  void inspectShowsFormatsAndCountsZeros(String fixture) {
    JsonNode found = InProcess.line("inspect --json --model %s", model(fixture)).json();
    JsonNode expected = TestData.json(TestData.fixture(fixture).resolve("expected.json"));
    for (String key : List.of("parameters", "prunable", "zeros")) {
      assertThat(found.get(key)).as(key).isEqualTo(expected.get(key));
    }
    List<JsonNode> modules =
        found.get("modules").valueStream().filter(module -> module.has("format")).toList();
    assertThat(modules)
        .hasSize(expected.get("quantized_modules").intValue())
        .allSatisfy(module -> assertThat(module.get("bits").doubleValue()).isBetween(4.0, 9.1));
  }

  @Test
  void inspectSaysWhatAWeightTakes() {
    String out =
        InProcess.line("inspect --modules --match 0.*q_proj --model %s", model(BLOCK)).out();
    assertThat(out.lines().toList().get(2).split(" {2,}"))
        .startsWith("model.layers.0.self_attn.q_proj", "FP8 of 128 x 128 blocks (8.00 bits)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ct-int4-zero-llama-gqa",
        "mxfp4-gpt_oss",
        "ct-nvfp4-qwen3",
        "fbgemm-fp8-llama-gqa",
        "ct-mixed-mixtral",
        BLOCK
      })
  @FirstCases(2)
  void everyWayOfPruningIsVerified(String fixture) {
    Path masks = directory.resolve("masks.safetensors");
    Path calibration = tokens(fixture);
    String sampled = "--calibration " + calibration;
    List<String> ways =
        List.of(
            sampled + " --save-masks " + masks,
            "--method masks --masks " + masks,
            "--packed --statistics " + statistics(fixture),
            sampled + " --allocation owl",
            sampled + " --allocation dlp --method ria",
            sampled + " --refine swaps",
            sampled + " --method wanda-variant",
            sampled + " --refine swaps --cluster local",
            "--method magnitude --exclude o_proj");
    for (String way : ways) {
      InProcess.line(
              "prune --dry-run --quiet --backend cpu --model %s --output %s "
                  + way.replaceAll("--save-masks \\S+", ""),
              model(fixture),
              directory.resolve("dry"))
          .succeeds();
      Path output = pruned(fixture, way);
      InProcess.line("verify --dense %s --pruned %s", model(fixture), output).succeeds();
      InProcess.line("verify --zeros-of %s --model %s", output, output).succeeds();
      InProcess.line("verify --zeros-of %s --model %s", output, model(fixture)).fails(5, "0.0");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {BLOCK, "ct-mixed-mixtral", "awq-llama-gqa"})
  void packLeavesCodesAsTheyAre(String fixture) {
    Path packed = InProcess.packed(model(fixture), directory.resolve("packed"));
    String run = "perplexity --json --backend cpu --tokens %s --model %s";
    assertThat(InProcess.line(run, tokens(fixture), packed).json().get("perplexity"))
        .isEqualTo(InProcess.line(run, tokens(fixture), model(fixture)).json().get("perplexity"));
    Path unpacked = directory.resolve("unpacked");
    InProcess.line("unpack --quiet --model %s --output %s", packed, unpacked).succeeds();
    for (String file : TestData.names(model(fixture))) {
      assertThat(unpacked.resolve(file)).hasSameBinaryContentAs(model(fixture).resolve(file));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--method sparsegpt",
        "--update reconstruct",
        "--refine swaps --update reconstruct"
      })
  void whatChangesKeptWeightsIsRefused(String method) {
    Path output = directory.resolve("out");
    for (String dry : List.of("", " --dry-run")) {
      InProcess.line(
              "prune --quiet --backend cpu --model %s --output %s --calibration %s " + method + dry,
              model(BLOCK),
              output,
              tokens(BLOCK))
          .isRefused(
              3,
              "model.layers.0.mlp.down_proj.weight: expected F32, F16 or BF16",
              "changes kept weights, found FP8 of 128 x 128 blocks");
    }
    assertThat(output).doesNotExist();
  }

  @Test
  void compareOffersNoOptionThatPruneAloneHas() {
    String refused =
        InProcess.line(
                "compare --backend cpu --model %s --calibration %s --text %s --methods sparsegpt",
                model(BLOCK), tokens(BLOCK), tokens(BLOCK))
            .fails(3, "; take a method that only chooses weights")
            .err();
    assertThat(refused).doesNotContain("--requantize", "--method", "--update");
  }

  @Test
  void modulesThatAreNotQuantizedMayStillBeFitted() {
    Path output =
        pruned(
            "fbgemm-fp8-llama-gqa",
            "--include 0.self_attn --update reconstruct --calibration "
                + tokens("fbgemm-fp8-llama-gqa"));
    InProcess.line("verify --dense %s --pruned %s", model("fbgemm-fp8-llama-gqa"), output)
        .succeeds();
  }

  /** As fbgemm stores a mixture's experts: [experts, inputs, outputs], a scale for each output. */
  @Test
  void expertsStoredByColumnsArePruned() throws IOException {
    Path model = Files.createDirectory(directory.resolve("model"));
    Files.writeString(
        model.resolve("config.json"),
        """
        {"hidden_size": 8, "quantization_config": {"quant_method": "fbgemm_fp8"}}
        """);
    byte[] codes = new byte[2 * 8 * 6];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (i * 37 % 0x7f);
    }
    String stack = "model.layers.0.feed_forward.experts.";
    new SafetensorsBytes()
        .raw(stack + "gate_up_proj", "F8_E4M3", codes, 2, 8, 6)
        .f32(stack + "gate_up_proj_scale", 2, 1, 6)
        .raw(stack + "down_proj", "F8_E4M3", Arrays.copyOf(codes, 2 * 3 * 8), 2, 3, 8)
        .f32(stack + "down_proj_scale", 2, 1, 8)
        .write(model.resolve("model.safetensors"));
    JsonNode modules = InProcess.line("inspect --json --model %s", model).json().get("modules");
    assertThat(modules).hasSize(4);
    JsonNode gate = modules.get(2);
    assertThat(gate.get("name").asText()).isEqualTo(stack + "gate_up_proj.0");
    assertThat(List.of(gate.get("rows").asInt(), gate.get("columns").asInt()))
        .containsExactly(6, 8);
    // The first output's scale is 0.
    assertThat(gate.get("zeros").asInt()).isEqualTo(8);
    SafetensorsBytes norms = new SafetensorsBytes().metadata("format", "wanda-cuda.statistics.v1");
    modules.forEach(
        module ->
            norms.f32(module.get("name").asText() + ".input_norm", module.get("columns").asInt()));
    Path statistics = norms.write(directory.resolve("norms.safetensors"));
    for (String more :
        List.of(
            "--method magnitude",
            "--method magnitude --pattern 2:4 --exclude down",
            "--allocation owl --statistics " + statistics)) {
      Path output = directory.resolve("out" + more.length());
      InProcess.line("prune --quiet --backend cpu --model %s --output %s " + more, model, output)
          .succeeds();
      InProcess.line("verify --dense %s --pruned %s", model, output).succeeds();
      InProcess.line("verify --zeros-of %s --model %s", output, output).succeeds();
      InProcess.line("verify --zeros-of %s --model %s", output, model).fails(5, "0.0");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"--method magnitude", "--statistics %s", "--dry-run --statistics %s"})
  void gptqIsRunAndNotPruned(String way) throws IOException {
    Path prompt = Files.writeString(directory.resolve("prompt.json"), "[1, 2, 3]");
    InProcess.line(
            "generate --quiet --backend cpu --tokens 2 --prompt-tokens %s --model %s",
            prompt, model(GPTQ))
        .succeeds();
    InProcess.line(
            "prune --quiet --backend cpu --model %s --output %s "
                + way.replace("%s", statistics(GPTQ).toString()),
            model(GPTQ),
            directory.resolve("out"))
        .isRefused(3, "mlp.down_proj.qweight: expected weights in a format", "GPTQ of 4 bits");
  }

  @Test
  void methodsAreComparedInMemory() {
    JsonNode runs =
        InProcess.line(
                "compare --json --backend cpu --model %s --calibration %s --text %s"
                    + " --methods wanda,wanda+swaps,ria,magnitude --sparsity 0.5",
                model(BLOCK), tokens(BLOCK), tokens(BLOCK))
            .json();
    JsonNode expected = TestData.json(TestData.fixture(BLOCK).resolve("expected.json"));
    assertThat(runs.at("/runs/0/mask_sha256")).isEqualTo(expected.get("mask_sha256"));
    assertThat(runs.get("runs")).hasSize(4);
  }
}
