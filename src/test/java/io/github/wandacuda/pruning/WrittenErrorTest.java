package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.fit.LayerCase;
import io.github.wandacuda.pruning.fit.OutputFit;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.recipe.ModuleResult.OutputErrors;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.Pruning;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The error that is told is that of the weights that are written, in the module's type. */
class WrittenErrorTest {
  private static final int ROWS = 12;
  private static final int COLUMNS = 32;

  /** Eight tokens, whose outputs 16 kept weights of float32 could give without an error. */
  @ParameterizedTest
  @CsvSource({
    "BF16, wanda+reconstruct",
    "BF16, wanda+alps",
    "BF16, sparsegpt",
    "BF16, sparsegpt+reconstruct",
    "F16, wanda+reconstruct",
    "F32, wanda+reconstruct",
    "BF16, wanda+swaps"
  })
  void theErrorIsOfWhatIsWritten(DType type, String how) {
    Gram gram = LayerCase.gram(LayerCase.tokens(8, COLUMNS, 3), 1);
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(1);
        Backend backend = ScalarCpu.open(1)) {
      WeightMatrix weights = rounded(type, arena);
      float[][] dense = LayerCase.values(weights);
      MemorySegment mask = arena.allocate(ROWS * Selector.maskRowBytes(COLUMNS));
      float[] norms = new float[COLUMNS];
      for (int column = 0; column < COLUMNS; column++) {
        norms[column] = (float) Math.sqrt(gram.get(column, column));
      }
      OutputErrors told;
      try (LayerPruner pruner =
          new LayerPruner(backend, backend.selector(), workers, new PhaseClock(1))) {
        told =
            pruner
                .prune(
                    new TileSource.MatrixTiles(weights, new RowTiles(ROWS, 5)),
                    Pruning.rules(how, "0.5"),
                    new LayerInputs(norms, gram, 0, Optional.empty()),
                    mask)
                .errors()
                .orElseThrow();
      }
      LayerCase layer = new LayerCase(dense, new boolean[0][], square(gram));
      double written = 0;
      double sizes = 0;
      for (int row = 0; row < ROWS; row++) {
        float[] values = values(weights, row);
        written += layer.error(row, values);
        sizes += sizes(dense[row], values, gram);
      }
      // Float32 sums a thousand numbers that cancel out.
      assertThat(told.result()).isCloseTo(written, within(1e-2 * written + 1e-7 * sizes));
      if (type == DType.BF16) {
        assertThat(written).as("more than float32's own").isGreaterThan(3e-7 * sizes);
      }
    }
  }

  /** Returns the sum of the sizes of the terms that an error is the sum of. */
  private static double sizes(float[] dense, float[] written, Gram gram) {
    double sum = 0;
    for (int i = 0; i < COLUMNS; i++) {
      for (int j = 0; j < COLUMNS; j++) {
        sum += Math.abs((dense[i] - written[i]) * gram.get(i, j) * (dense[j] - written[j]));
      }
    }
    return sum;
  }

  private static WeightMatrix rounded(DType type, Arena arena) {
    WeightMatrix weights = OutputFit.empty(type, ROWS, COLUMNS, arena);
    float[][] values = LayerCase.weights(ROWS, COLUMNS, 1);
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < COLUMNS; column++) {
        weights.set(row, column, values[row][column]);
      }
    }
    return weights;
  }

  private static float[] values(WeightMatrix weights, int row) {
    return LayerCase.values(weights)[row];
  }

  private static float[][] square(Gram gram) {
    float[][] square = new float[COLUMNS][COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
      for (int j = 0; j < COLUMNS; j++) {
        square[i][j] = gram.get(i, j);
      }
    }
    return square;
  }
}
