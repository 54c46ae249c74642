package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.StructurePlan;
import io.github.wandacuda.model.WidthRemoval;
import io.github.wandacuda.pruning.ColumnScore;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Channels and heads that go, and what is fitted to the rest, against a float64 reference. */
class StructureFitTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "MLP, channels 20 % wanda_sp, WANDA, NONE, 70",
    "MLP, channels 20 % wanda_sp refit own, WANDA, RECONSTRUCT, 70",
    "MLP, channels 20 % greedy refit own, GREEDY, RECONSTRUCT, 70",
    "MLP, 'channels 20 % greedy refit dense, attention too', GREEDY, REALIGN, 70",
    "ATTENTION, one kv group wanda_sp refit own, WANDA, RECONSTRUCT, 1",
  })
  void agreesWithTheReference(
      Half half, String run, ColumnScore score, StructureRequest.Update update, int count) {
    JsonNode golden = golden(run);
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2)) {
      WidthRemoval removal = WidthRemoval.of(model, half);
      StructureFit fit =
          new StructureFit(
              model,
              model,
              IntStream.range(0, removal.blocks()).boxed().toList(),
              Map.of(half, new StructureFit.Going(score, removal.width(), count)),
              update,
              backend,
              new Calibration.FromSamples(tokens("calibration.json").subList(0, 64), "", 0));
      StructureFit.Result result = fit.run(folder, Progress.NONE);
      SortedMap<Integer, List<Integer>> removed = result.removed().get(half);
      removed.forEach(
          (block, gone) -> {
            List<Integer> others = new ArrayList<>(gone);
            golden
                .get("removed")
                .get(block + (half == Half.MLP ? ".ffn" : ".attention"))
                .forEach(each -> others.remove((Object) each.asInt()));
            assertThat(others).as("block %d", block).hasSizeLessThanOrEqualTo(half == Half.MLP ? 1 : 0);
          });
      List<SafetensorsFile> files = result.files().stream().map(SafetensorsFile::open).toList();
      StructurePlan plan = removal.without(removed).with(files);
      ModelDirectory smaller = plan.opened();
      try (Decoder decoder = DecoderFamilies.open(smaller, backend.operations())) {
        double perplexity =
            Perplexity.of(
                decoder, backend.operations(), tokens("evaluation.json"), Progress.NONE);
        System.out.println(run + " " + perplexity + " " + golden.get("perplexity"));
        assertThat(perplexity)
            .isCloseTo(golden.get("perplexity").asDouble(), withPercentage(0.3));
      }
      files.forEach(SafetensorsFile::close);
    }
  }

  private static JsonNode golden(String run) {
    for (JsonNode one : TestData.json(TestData.structured("tiny-llama.json")).get("width")) {
      if (one.get("run").asText().equals(run)) {
        return one;
      }
    }
    throw new IllegalArgumentException(run);
  }

  private static List<int[]> tokens(String file) {
    return TestData.tokens(TestData.GOLDEN.resolve(file));
  }
}
