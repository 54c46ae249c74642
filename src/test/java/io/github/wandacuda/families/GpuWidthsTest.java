package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Smaller;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.backend.Gpu;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What goes and what is fitted on GPUs is what the CPU takes and fits. */
@Tag("gpu")
class GpuWidthsTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "CUDA, llama-gqa, CHANNELS, greedy, 5",
    "CUDA, llama-gqa, HEADS, greedy, 1",
    "CUDA, qwen2_moe, EXPERTS, reap, 3",
    "OPENCL, llama-gqa, CHANNELS, greedy, 5",
    "OPENCL, llama-gqa, HEADS, flap, 1",
    "OPENCL, qwen2_moe, EXPERTS, reap, 3",
  })
  void smallerModelsAreThoseOfTheCpu(
      Gpu gpu, String family, Structure structure, String score, int count) {
    Path expected = directory.resolve("cpu");
    Path found = directory.resolve("gpu");
    SortedMap<Integer, List<Integer>> gone =
        remove(family, structure, score, count, expected, Pruning.cpu(2));
    assertThat(remove(family, structure, score, count, found, gpu.open())).isEqualTo(gone);
    try (SafetensorsFile one = SafetensorsFile.open(expected.resolve("model.safetensors"));
        SafetensorsFile other = SafetensorsFile.open(found.resolve("model.safetensors"))) {
      for (TensorInfo tensor : one.tensors()) {
        assertThat(floats(other, tensor))
            .as(tensor.name())
            .containsExactly(floats(one, tensor), within(1e-4f));
      }
    }
  }

  private static float[] floats(SafetensorsFile file, TensorInfo tensor) {
    return TestData.floats(file.path(), tensor.name());
  }

  private static SortedMap<Integer, List<Integer>> remove(
      String family, Structure structure, String score, int count, Path output, Backend opened) {
    Path fixture = TestData.fixture(family);
    try (Backend backend = opened) {
      return Smaller.of(
          fixture.resolve("model"),
          output,
          structure,
          score,
          Update.REALIGN,
          count,
          TestData.tokens(fixture.resolve("tokens.json")),
          backend);
    }
  }
}
