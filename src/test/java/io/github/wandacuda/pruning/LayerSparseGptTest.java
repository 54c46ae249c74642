package io.github.wandacuda.pruning;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.pruning.fit.AlpsTest;
import io.github.wandacuda.pruning.fit.GramFactor;
import io.github.wandacuda.pruning.fit.LayerCase;
import io.github.wandacuda.pruning.fit.LayerRows;
import io.github.wandacuda.pruning.fit.ShortOfMemory;
import io.github.wandacuda.pruning.fit.SparseGpt;
import io.github.wandacuda.pruning.fit.SquareGram;
import io.github.wandacuda.scalar.ScalarSparseGpt;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** SparseGPT of whole layers: the scalar code's masks and weights on each backend, to the bit. */
@EachBackend
public class LayerSparseGptTest {
  private static final int TILE_ELEMENTS = 4000;

  private final OpenedBackend backend;

  /** Tests a backend, as others do with changed kernels. */
  public LayerSparseGptTest(OpenedBackend backend) {
    this.backend = backend;
  }

  private void sameBits(LayerCase layer, String amount) {
    sameBits(layer, amount, operations -> operations);
  }

  private void sameBits(LayerCase layer, String amount, UnaryOperator<Operations> by) {
    Sparsity sparsity = AlpsTest.sparsity(amount);
    AlpsTest.Chosen.assertSame(backend, by, operations -> pruned(layer, sparsity, operations));
  }

  private static AlpsTest.Chosen pruned(LayerCase layer, Sparsity sparsity, Operations operations) {
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(2)) {
      Gram moments = layer.packed(arena);
      WeightMatrix result = LayerCase.matrix(layer.masked());
      MemorySegment mask = layer.mask();
      SparseGpt sparseGpt =
          new SparseGpt(
              operations,
              workers,
              GramFactor.of(moments, workers).orElseThrow(),
              new ScalarSparseGpt(),
              TILE_ELEMENTS);
      try (SquareGram gram = new SquareGram(operations, workers, moments);
          LayerRows rows = new LayerRows(gram, LayerCase.matrix(layer.weights), mask, result)) {
        rows.prune(sparseGpt, sparsity);
      }
      return new AlpsTest.Chosen(layer.unpacked(mask), LayerCase.values(result));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0.5",
    "3, 5, 0.5",
    "37, 127, 0.3",
    "64, 128, 0.5",
    "9, 129, 0.9",
    "130, 300, 0.5",
    "5, 300, 0",
    "19, 240, 2:4",
    "7, 240, 1:3",
    "6, 240, 7:60",
    "3, 300, 100:150",
    "2, 300, 299:300"
  })
  public void everySizeGivesTheSameBits(int rows, int columns, String amount) {
    sameBits(AlpsTest.layer(rows, columns, 1), amount);
  }

  @Test
  void rowsForWhichThereIsNoRoomGetTheSameBits() {
    sameBits(AlpsTest.layer(ShortOfMemory.ROWS + 3, 6, 1), "0.5", ShortOfMemory::of);
  }

  /** Scores are equal, so all up to them go, or the first of a group and all that are dead. */
  @Test
  public void equalScoresGiveTheSameBits() {
    float[][] equal = new float[9][132];
    float[][] moments = new float[132][132];
    for (int k = 0; k < 132; k++) {
      moments[k][k] = k % 11 < 3 ? 0 : 2;
      for (float[] row : equal) {
        row[k] = k % 2 == 0 ? 1 : -1;
      }
    }
    LayerCase layer = new LayerCase(equal, new boolean[9][132], moments);
    sameBits(layer, "0.5");
    sameBits(layer, "2:4");
    sameBits(layer, "3:6");
  }

  /** Squares of weights that float32 doesn't hold: they are scaled meanwhile. */
  @Test
  void numbersThatAreAlmostTooLargeOrSmallGiveTheSameBits() {
    for (float factor : new float[] {0x1p100f, 0x1p-100f, 0x1p-149f}) {
      LayerCase drawn = AlpsTest.layer(12, 140, 1);
      for (float[] row : drawn.weights) {
        for (int k = 0; k < row.length; k++) {
          row[k] *= factor;
        }
      }
      sameBits(drawn, "0.5");
    }
  }
}
