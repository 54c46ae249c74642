package io.github.wandacuda.job.structure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.removal.BlockRemoval;
import io.github.wandacuda.testing.Blocks;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Models of all families without some of their blocks: those that stay compute what they did. */
class BlockRemovalTest {
  /** Models of one period of kinds that loaders count. */
  private static final Set<String> WHOLE =
      Set.of("exaone4", "gpt_oss", "mxfp4-gpt_oss", "olmo3", "qwen3_5_text", "qwen3_next");

  @TempDir Path directory;

  private static List<String> models() {
    return Stream.concat(TestData.families().stream(), TestData.quantized().stream()).toList();
  }

  private static List<Integer> blocks(int from, int count) {
    return IntStream.range(from, from + count).boxed().toList();
  }

  private static int period(Path path) {
    try (ModelDirectory model = ModelDirectory.open(path)) {
      return new BlockRemoval(model).period();
    }
  }

  private static int size(Path path) {
    try (ModelDirectory model = ModelDirectory.open(path)) {
      return new BlockRemoval(model).size();
    }
  }

  private static List<String> verify(Path dense, Path pruned) {
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      return Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE).failures();
    }
  }

  private void check(Path path, List<int[]> samples, List<Integer> gone) {
    Path output = Blocks.remove(path, directory.resolve("out" + gone), gone);
    assertThat(Blocks.losses(output, samples, List.of()))
        .as("without %s", gone)
        .isEqualTo(Blocks.losses(path, samples, gone));
    assertThat(verify(path, output)).isEmpty();
  }

  @FirstCases(6)
  @ParameterizedTest
  @MethodSource("models")
  void blocksThatStayComputeWhatTheyDid(String name) {
    Path path = TestData.fixture(name).resolve("model");
    List<int[]> samples = TestData.tokens(TestData.fixture(name).resolve("tokens.json"));
    int size = size(path);
    int period = period(path);
    assertThat(period == 0).as("period %d", period).isEqualTo(WHOLE.contains(name));
    for (int start = 0; period > 0 && start <= size - period; start++) {
      check(path, samples, blocks(start, period));
    }
  }

  /** Whole periods go wherever they begin, and two of them at once. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "gemma2 | 0 1 2 1 2 1 | 2 | {\"layer_types\": null}",
        "gemma2 | 0 1 0 1 0 1 | 2 | {}",
        "gemma3_text-pattern | 0 1 2 3 0 1 | 2 | {}",
        "gpt_oss | 0 1 0 1 0 1 | 2 | {}",
        "olmo3 | 0 1 2 3 0 1 2 3 0 1 2 3 | 4 | {}",
        "exaone4 | 0 1 2 3 0 1 2 3 0 1 2 3 | 4 | {}",
        "cohere2 | 0 1 3 2 0 1 3 2 0 1 3 2 | 4 | {}",
        "qwen3_next | 0 1 0 1 0 1 | 2 | {}",
        "qwen3_5_text | 0 1 2 3 0 1 2 3 0 1 2 3 | 4 | {\"layer_types\": null}",
        "smollm3 | 0 2 3 1 0 2 3 1 0 2 3 1 | 4 | {}",
        "llama4_text | 0 1 2 3 0 1 2 3 | 2 | {\"moe_layers\": [1, 3, 5, 7]}",
        "llama4_text | 0 1 2 3 0 1 2 3 | 2 | {\"moe_layers\": null}",
        "llama4_text | 0 1 2 3 0 1 2 3 | 1 | {\"moe_layers\": [1, 3, 5, 7],"
            + " \"interleave_moe_layer_step\": 1}",
      })
  void periodsOfLoadersStay(String name, String made, int period, String settings) {
    List<Integer> parts = Stream.of(made.split(" ")).map(Integer::valueOf).toList();
    Path path = Blocks.made(name, directory.resolve("made"), parts, settings);
    List<int[]> samples = TestData.tokens(TestData.fixture(name).resolve("tokens.json"));
    assertThat(period(path)).isEqualTo(period);
    check(path, samples, blocks(1, period));
    List<Integer> two = new ArrayList<>(blocks(0, period));
    two.addAll(blocks(parts.size() - period, period));
    check(path, samples, two);
    try (ModelDirectory model = ModelDirectory.open(path)) {
      BlockRemoval removal = new BlockRemoval(model);
      assertThat(removal.share(0.99, 0)).isEqualTo(parts.size() - period);
      if (period > 1) {
        assertThatThrownBy(() -> removal.requireRemovable(period - 1))
            .isInstanceOf(InputException.class)
            .hasMessageContaining("whole periods of %d blocks to remove", period);
        assertThatThrownBy(() -> removal.without(Blocks.map(List.of(0))))
            .isInstanceOf(InputException.class)
            .hasMessageContaining("blocks: expected whole periods of their kinds, found [0]");
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "qwen3_moe | 0 1 2 | {} | 0 | {\"mlp_only_layers\": [0]}",
        "qwen3_moe | 0 1 2 | {} | 1 | {\"mlp_only_layers\": []}",
        "qwen3_moe | 0 1 2 | {} | 2 | {\"mlp_only_layers\": [1]}",
        "qwen3_moe | 1 0 1 2 | {\"decoder_sparse_step\": 2, \"mlp_only_layers\": []} | 1"
            + " | {\"mlp_only_layers\": [0, 1], \"decoder_sparse_step\": 1}",
        "qwen3_moe | 1 0 1 1 | {\"decoder_sparse_step\": 2, \"mlp_only_layers\": [3]} | 0"
            + " | {\"mlp_only_layers\": [1, 2], \"decoder_sparse_step\": 1}",
        "deepseek_v3 | 0 0 1 1 | {\"first_k_dense_replace\": 2} | 0"
            + " | {\"first_k_dense_replace\": 1}",
        "deepseek_v3 | 0 0 1 1 | {\"first_k_dense_replace\": 2} | 2"
            + " | {\"first_k_dense_replace\": 2}",
        "deepseek_v3 | 0 1 1 | {} | 0 | {\"first_k_dense_replace\": 0}",
        "ernie4_5_moe | 0 1 2 0 | {} | 0"
            + " | {\"moe_layer_start_index\": 0, \"moe_layer_end_index\": 1}",
        "ernie4_5_moe | 0 1 2 0 | {} | 1"
            + " | {\"moe_layer_start_index\": 1, \"moe_layer_end_index\": 1}",
        "ernie4_5_moe | 0 1 2 0 | {} | 3"
            + " | {\"moe_layer_start_index\": 1, \"moe_layer_end_index\": 2}",
        "qwen2 | 0 1 2 | {\"layer_types\": null, \"use_sliding_window\": true, \"sliding_window\":"
            + " 3, \"max_window_layers\": 2} | 0 | {\"max_window_layers\": 1}",
        "qwen2 | 0 1 2 | {\"layer_types\": null, \"use_sliding_window\": true, \"sliding_window\":"
            + " 3, \"max_window_layers\": 2} | 2 | {\"max_window_layers\": 2}",
        "gemma3_text | 0 1 2 3 | {} | 0"
            + " | {\"layer_types\": [\"full_attention\", \"sliding_attention\","
            + " \"sliding_attention\"]}",
        "smollm3 | 0 1 2 3 | {} | 2 | {\"no_rope_layers\": [1, 0, 1]}",
      })
  void whatTheConfigSaysOfEachBlockFollowsIt(
      String name, String made, String settings, int gone, String expected) throws IOException {
    List<Integer> parts = Stream.of(made.split(" ")).map(Integer::valueOf).toList();
    Path path = Blocks.made(name, directory.resolve("made"), parts, settings);
    check(path, TestData.tokens(TestData.fixture(name).resolve("tokens.json")), List.of(gone));
    JsonNode config = TestData.json(directory.resolve("out[" + gone + "]/config.json"));
    TestData.json(expected.getBytes(java.nio.charset.StandardCharsets.UTF_8))
        .properties()
        .forEach(
            key -> assertThat(config.get(key.getKey())).as(key.getKey()).isEqualTo(key.getValue()));
    assertThat(config.get("num_hidden_layers").asInt()).isEqualTo(parts.size() - 1);
  }
}
