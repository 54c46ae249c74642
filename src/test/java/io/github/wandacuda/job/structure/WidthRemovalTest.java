package io.github.wandacuda.job.structure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.testing.Blocks;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Smaller;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models of all families without channels or heads: those that stay compute what they did. */
class WidthRemovalTest {
  @TempDir Path directory;

  /** Of the families that are named, none can be removed. */
  @ParameterizedTest
  @CsvSource({
    "CHANNELS, bloom deepseek_v2 deepseek_v3 ernie4_5_moe glm4_moe glm4_moe-mtp gpt2 gpt_oss"
        + " granitemoe llama4_text minimax_m2 mixtral olmoe phimoe qwen2_moe qwen3_moe qwen3_next",
    "HEADS, bloom cohere deepseek_v2 deepseek_v3 falcon gemma gemma3_text-pattern gpt2 gpt_neox"
        + " gpt_neox-sequential llama-linear llama-mha llama-yarn llama3 minimax_m2 olmo2 olmo3"
        + " olmoe opt opt-350m phi3-longrope qwen2 qwen2_moe qwen3_5_text qwen3_next smollm3"
        + " stablelm",
  })
  void partsThatStayComputeWhatTheyDid(Structure structure, String whole) {
    TreeSet<String> refused = new TreeSet<>();
    int seen = 0;
    for (String family : TestData.families()) {
      Path path = TestData.fixture(family).resolve("model");
      try (ModelDirectory model = ModelDirectory.open(path)) {
        structure.find(model).requireRemovable(1);
      } catch (InputException e) {
        refused.add(family);
        continue;
      }
      if (Tier.isAll() || seen++ % 3 == 0) {
        check(family, path, structure);
      }
    }
    assertThat(String.join(" ", refused)).isEqualTo(whole);
  }

  private void check(String family, Path path, Structure structure) {
    List<int[]> samples = TestData.tokens(TestData.fixture(family).resolve("tokens.json"));
    Path output = directory.resolve(family + structure);
    SortedMap<Integer, List<Integer>> gone;
    try (Backend backend = Pruning.cpu(2)) {
      gone = Smaller.of(path, output, structure, "flap", Update.NONE, 1, samples, backend);
    }
    assertThat(gone.values().stream().distinct().toList()).as(family).isNotEmpty();
    double[] expected = masked(path, samples, structure, gone);
    double[] found = Blocks.losses(output, samples, List.of());
    assertThat(found).as(family).containsExactly(expected, within(1e-4));
    try (ModelDirectory model = ModelDirectory.open(path)) {
      assertThat(Verifier.verify(model, output, Verifier.Claim.NONE, 2, Progress.NONE).failures())
          .as(family)
          .isEmpty();
    }
  }

  /** Returns the losses of samples that pass a model whose output projections lack columns. */
  private static double[] masked(
      Path path, List<int[]> samples, Structure structure, SortedMap<Integer, List<Integer>> gone) {
    Half half = structure == Structure.CHANNELS ? Half.MLP : Half.ATTENTION;
    try (CpuDecoder open = CpuDecoder.open(path, 2);
        Arena arena = Arena.ofShared();
        BlockwiseRun run = open.run(samples)) {
      int groups = structure.find(open.model()).size();
      for (int index = 0; index < open.decoder().blocks(); index++) {
        try (Block block = open.decoder().block(index)) {
          String name = block.outputs(half).getFirst();
          LinearModule module =
              open.model().modules().stream()
                  .filter(each -> each.name().equals(name))
                  .findFirst()
                  .orElseThrow();
          MemorySegment bytes = arena.allocate(module.tensor().bytes());
          module.shard().read(module.tensor(), 0, bytes);
          WeightMatrix weights = module.view(bytes);
          int width = weights.columns() / groups;
          for (int group : gone.get(index)) {
            for (int column = group * width; column < (group + 1) * width; column++) {
              for (int row = 0; row < weights.rows(); row++) {
                weights.set(row, column, 0);
              }
            }
          }
          block.replace(name, weights);
          run.advance(block);
        }
      }
      return IntStream.range(0, samples.size()).mapToDouble(run::meanLoss).toArray();
    }
  }
}
