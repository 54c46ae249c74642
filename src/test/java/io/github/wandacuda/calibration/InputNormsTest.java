package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.InputNorms.BatchSquares;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Norms from sums by batch. */
class InputNormsTest {
  /** Added in another order, its third sum is lost beside the others. */
  private static final List<BatchSquares> BATCHES =
      List.of(
          squares("a", 1), squares("a", 0x1p-53), squares("a", 0x1p-53), squares("b", 4, 9, 16));

  private static BatchSquares squares(String module, double... sums) {
    return new BatchSquares(Map.of(List.of(module), sums));
  }

  private static double[] total(int... order) {
    InputNorms norms = new InputNorms();
    for (int batch : order) {
      norms.add(batch, BATCHES.get(batch));
    }
    return norms.totals.get(List.of("a"));
  }

  @Test
  void batchesAreAddedInTheirOrderHoweverTheyCome() {
    assertThat(total(0, 1, 2, 3)).containsExactly(1.0);
    assertThat(total(2, 1, 3, 0)).containsExactly(1.0);
    assertThat(0x1p-53 + 0x1p-53 + 1).as("in another order").isGreaterThan(1);
  }

  @Test
  void aModuleWithoutTokensHasZeros() {
    InputNorms norms = new InputNorms();
    for (int batch = 0; batch < BATCHES.size(); batch++) {
      norms.add(batch, BATCHES.get(batch));
    }
    Map<String, float[]> found = norms.norms(Map.of("a", 1, "b", 3, "c", 2), 1);
    assertThat(found.get("a")).containsExactly(1);
    assertThat(found.get("b")).containsExactly(2, 3, 4);
    assertThat(found.get("c")).containsExactly(0, 0);
  }
}
