package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Weights of quantized checkpoints that are fitted become codes, under the scales that are there.
 */
class RequantizeTest {
  @TempDir Path directory;

  private Ended prune(Path fixture, String name, String method) {
    return InProcess.run(
        Words.of(
            "prune --model %s --output %s --calibration %s --samples 4 --backend cpu --quiet --json"
                + " --method "
                + method,
            fixture.resolve("model"),
            directory.resolve(name),
            fixture.resolve("tokens.json")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp8-block-llama-wide", "ct-mxfp4-llama-wide", "ct-nvfp4-qwen3"})
  void fittedWeightsAreRoundedToTheirCodes(String name) {
    Path fixture = TestData.fixture(name);
    prune(fixture, "refused", "wanda --update reconstruct")
        .fails(3, "changes kept weights", "--requantize");
    JsonNode chosen = prune(fixture, "chosen", "wanda --refine swaps").succeeds().json();
    JsonNode fitted =
        prune(fixture, "fitted", "wanda --update reconstruct --requantize").succeeds().json();
    prune(fixture, "sparsegpt", "sparsegpt --requantize").succeeds();
    assertThat(fitted.toString()).isNotEqualTo(chosen.toString());
    for (String output : new String[] {"fitted", "sparsegpt"}) {
      Path pruned = directory.resolve(output);
      Path dense = fixture.resolve("model");
      InProcess.run(Words.of("verify --dense %s --pruned %s", dense, pruned)).succeeds();
      assertCodesAloneChanged(dense, pruned);
    }
  }

  private static void assertCodesAloneChanged(Path dense, Path pruned) {
    Map<String, byte[]> before = TestData.bytes(dense.resolve("model.safetensors"));
    Map<String, byte[]> after = TestData.bytes(pruned.resolve("model.safetensors"));
    int changed = 0;
    for (String tensor : before.keySet()) {
      boolean codes = tensor.endsWith("_proj.weight") || tensor.endsWith("_proj.weight_packed");
      boolean same = Arrays.equals(before.get(tensor), after.get(tensor));
      changed += same ? 0 : 1;
      assertThat(codes || same).as(tensor).isTrue();
    }
    assertThat(changed).isPositive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ct-int4-zero-llama-gqa", "ct-int8-channel-llama-gqa"})
  void wholeNumbersAreNotRoundedTo(String name) {
    prune(TestData.fixture(name), "out", "sparsegpt --requantize")
        .fails(3, "expected F32, F16, BF16, FP8 or FP4");
  }
}
