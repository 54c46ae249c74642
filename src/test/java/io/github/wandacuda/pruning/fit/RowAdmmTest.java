package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ALPS: the scalar code's masks and values on each backend, to the bit. */
@EachBackend
public class RowAdmmTest {
  private final OpenedBackend backend;

  /** Tests a backend, as others do with changed kernels. */
  public RowAdmmTest(OpenedBackend backend) {
    this.backend = backend;
  }

  private void sameBits(LayerCase layer, String amount) {
    sameBits(layer, amount, operations -> operations);
  }

  private void sameBits(LayerCase layer, String amount, UnaryOperator<Operations> by) {
    Sparsity sparsity = AlpsTest.sparsity(amount);
    try (Workers workers = new Workers(2)) {
      AlpsTest.Chosen.assertSame(
          backend, by, operations -> AlpsTest.solved(layer, sparsity, operations, workers));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0.5",
    "3, 5, 0.5",
    "7, 61, 0.7",
    "33, 130, 0.5",
    "130, 33, 0",
    "40, 315, 0.9",
    "5, 64, 2:4",
    "9, 66, 3:6",
    "4, 48, 30:48"
  })
  public void everySizeGivesTheSameBits(int rows, int columns, String amount) {
    sameBits(AlpsTest.layer(rows, columns, 1), amount);
  }

  @Test
  void rowsThatComeTileByTileGiveTheSameBits() {
    sameBits(AlpsTest.layer(ShortOfMemory.ROWS + 3, 6, 1), "0.5", ShortOfMemory::of);
    sameBits(AlpsTest.layer(ShortOfMemory.ROWS + 3, 6, 1), "1:2", ShortOfMemory::of);
  }

  /** Magnitudes are equal, within groups too, so the first of them go. */
  @Test
  public void equalWeightsGiveTheSameBits() {
    LayerCase drawn = LayerCase.random(4, 11, 40, 4);
    float[][] equal = new float[11][40];
    for (int row = 0; row < 11; row++) {
      for (int k = 0; k < 40; k++) {
        equal[row][k] = k % 2 == 0 ? 0.5f : -0.5f;
      }
    }
    LayerCase layer = new LayerCase(equal, drawn.kept, new float[40][40]);
    for (int k = 0; k < 40; k++) {
      layer.gram[k][k] = k % 7 == 5 ? 0 : 4;
    }
    sameBits(layer, "2:4");
    sameBits(layer, "0.5");
  }
}
