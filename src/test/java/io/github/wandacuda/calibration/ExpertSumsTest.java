package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.InputObserver.Expert;
import io.github.wandacuda.testing.CpuDecoder;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Scores of experts against their formulas, by outputs whose norms are whole numbers. */
class ExpertSumsTest {
  private static final String ROUTER = "layers.0.gate";

  /** Two batches send 3 tokens to expert 0, one to expert 1, and none to expert 2. */
  @Test
  void eachScoreIsItsFormula() {
    try (CpuDecoder cpu = CpuDecoder.fixture("llama-gqa", 1)) {
      Operations operations = cpu.decoder().operations();
      ExpertSums sums = new ExpertSums(ExpertScore.CHEAP);
      InputObserver second = sums.of(1, operations);
      see(operations, second, 0, new float[] {0.25f}, 0, 8);
      see(operations, second, 1, new float[] {0.5f}, 6, 8);
      see(operations, sums.of(0, operations), 0, new float[] {0.5f, 1}, 3, 4, 0, 2);

      Map<String, float[]> scores = sums.scores();
      // Expert 0: norms 5, 2, 8 by factors 0.5, 1, 0.25 are 2.5, 2, 2; expert 1: 10 by 0.5 is 5.
      scoresAre(scores, ExpertScore.FREQUENCY, 3, 1);
      scoresAre(scores, ExpertScore.EAN, 15, 10);
      scoresAre(scores, ExpertScore.WEIGHTED, 6.5, 5);
      scoresAre(scores, ExpertScore.REAP, 6.5 / 3, 5);
      scoresAre(scores, ExpertScore.MEAN_SQUARE, Math.sqrt((6.25 + 4 + 4) / 3), 5);
      assertThat(scores).hasSize(ExpertScore.CHEAP.size());
    }
  }

  private static void see(
      Operations operations, InputObserver observer, int expert, float[] factors, float... rows) {
    try (Tensor output = operations.tensor(factors.length, rows.length / factors.length)) {
      operations.upload(MemorySegment.ofArray(rows), output);
      observer.expert(new Expert(ROUTER, expert, 3), factors, output);
    }
  }

  private static void scoresAre(
      Map<String, float[]> scores, ExpertScore score, double first, double second) {
    float[] found = scores.get(score.tensor(ROUTER));
    assertThat(found).hasSize(3);
    assertThat((double) found[0]).isCloseTo(first, within(1e-6));
    assertThat((double) found[1]).isCloseTo(second, within(1e-6));
    assertThat(found[2]).isZero();
  }
}
