package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockChoice;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.backend.Gpu;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Blocks' scores on GPUs are those of the CPU. */
@Tag("gpu")
class GpuBlocksTest {
  private static List<Object> scores(Backend opened) {
    List<int[]> samples = TestData.tokens(TestData.fixture("smollm3").resolve("tokens.json"));
    try (Backend backend = opened;
        ModelDirectory model = ModelDirectory.open(TestData.fixture("smollm3").resolve("model"));
        Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      BlockChoice choice = new BlockChoice(decoder, samples, 1, 2, Progress.NONE);
      List<Object> scores = new ArrayList<>();
      scores.add(choice.influence());
      scores.add(choice.angles(2));
      for (BlockScore score : BlockScore.values()) {
        scores.add(choice.choose(score, 2).blocks());
      }
      return scores;
    }
  }

  @ParameterizedTest
  @EnumSource
  void scoresAreThoseOfTheCpu(Gpu gpu) {
    List<Object> expected = scores(Pruning.cpu(2));
    List<Object> found = scores(gpu.open());
    for (int kind = 0; kind < 2; kind++) {
      assertThat((double[]) found.get(kind))
          .containsExactly((double[]) expected.get(kind), within(1e-6));
    }
    assertThat(found.subList(2, found.size())).isEqualTo(expected.subList(2, expected.size()));
  }
}
