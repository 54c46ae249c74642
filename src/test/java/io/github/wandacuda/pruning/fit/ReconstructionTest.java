package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.simd.VectorRows;
import io.github.wandacuda.testing.FirstCases;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reconstruction against errors and gradients in float64. */
class ReconstructionTest {
  private static float[][] solved(
      LayerCase layer, float[][] start, RowArithmetic arithmetic, int threads) {
    return layer.on(
        arithmetic,
        threads,
        gram -> {
          WeightMatrix result = LayerCase.matrix(start);
          new Reconstruction(gram).solve(LayerCase.matrix(layer.weights), layer.mask(), result);
          return LayerCase.values(result);
        });
  }

  private static float[][] solved(LayerCase layer, float[][] start) {
    return solved(layer, start, new ScalarRows(), 1);
  }

  @Test
  void theKnownLayerIsSolvedExactly() {
    LayerCase layer = LayerCase.known();
    // Pruned weights needn't be cleared before.
    float[][] solution = solved(layer, layer.weights);
    double[][] expected = {
      {0.5, 0, 0.2, 0}, {1.10814, 0.804651, 0, 0}, {-0.717857, 0, 0, -0.203571}
    };
    double[] errors = {0.16, 0.655814, 3.121429};
    for (int row = 0; row < 3; row++) {
      for (int k = 0; k < 4; k++) {
        assertThat((double) solution[row][k]).isEqualTo(expected[row][k], within(2e-6));
      }
      assertThat(layer.error(row, solution[row])).isEqualTo(errors[row], within(1e-6));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 28, 64, 130, 300})
  @FirstCases(2)
  void errorsFall(int columns) {
    double before = 0;
    double after = 0;
    for (int seed = 0; seed < 20; seed++) {
      LayerCase layer = LayerCase.random(seed, 9, columns, columns);
      float[][] start = layer.masked();
      float[][] solution = solved(layer, start);
      for (int row = 0; row < 9; row++) {
        double was = layer.error(row, start[row]);
        double is = layer.error(row, solution[row]);
        assertThat(is).isLessThanOrEqualTo(was);
        assertThat(Arrays.equals(solution[row], start[row])).isEqualTo(is == was);
        before += was;
        after += is;
        onlyKeptChange(layer, row, start[row], solution[row]);
      }
    }
    assertThat(after).isLessThanOrEqualTo(columns < 5 ? before : 0.7 * before);
  }

  private static void onlyKeptChange(LayerCase layer, int row, float[] start, float[] found) {
    for (int k = 0; k < found.length; k++) {
      if (!layer.kept[row][k]) {
        assertThat(Float.floatToRawIntBits(found[k])).isZero();
      } else if (layer.gram[k][k] == 0) {
        assertThat(found[k]).isEqualTo(start[k]);
      }
    }
  }

  /** As many steps as unknowns reach the least squares solution, whose gradient is 0. */
  @Test
  void fewUnknownsAreSolvedExactly() {
    for (int seed = 0; seed < 40; seed++) {
      LayerCase layer = LayerCase.random(seed, 6, 12, 12);
      float[][] solution = solved(layer, layer.masked());
      for (int row = 0; row < 6; row++) {
        for (int k = 0; k < 12; k++) {
          if (layer.kept[row][k] && kept(layer, row) <= 6) {
            double size = Math.sqrt(layer.gram[k][k] * layer.error(row, new float[12]));
            assertThat(gradient(layer, row, solution[row], k))
                .isEqualTo(0, within(1e-3 * size + 1e-12));
          }
        }
      }
    }
  }

  private static int kept(LayerCase layer, int row) {
    int count = 0;
    for (boolean one : layer.kept[row]) {
      count += one ? 1 : 0;
    }
    return count;
  }

  private static double gradient(LayerCase layer, int row, float[] v, int column) {
    double sum = 0;
    for (int k = 0; k < v.length; k++) {
      sum += ((double) layer.weights[row][k] - v[k]) * layer.gram[k][column];
    }
    return sum;
  }

  /** Where there is nothing left to gain but what rounding makes of it, rows stay as they are. */
  @Test
  void solvingAgainNeverMakesWorse() {
    for (int seed = 0; seed < 30; seed++) {
      LayerCase layer = LayerCase.random(seed, 9, 18, 18);
      float[][] rows = layer.masked();
      for (int time = 0; time < 4; time++) {
        float[][] next = solved(layer, rows);
        for (int row = 0; row < 9; row++) {
          assertThat(layer.error(row, next[row])).isLessThanOrEqualTo(layer.error(row, rows[row]));
        }
        rows = next;
      }
    }
  }

  @Test
  void whatIsKeptWholeStays() {
    LayerCase layer = LayerCase.random(5, 3, 20, 20);
    for (boolean[] row : layer.kept) {
      Arrays.fill(row, true);
    }
    float[][] solution = solved(layer, layer.weights);
    assertThat(solution).isDeepEqualTo(layer.weights);
  }

  @Test
  void kernelsAndThreadsGiveTheSameBits() {
    LayerCase layer = LayerCase.random(11, 40, 315, 5);
    float[][] expected = solved(layer, layer.masked());
    float[][] found = solved(layer, layer.masked(), new VectorRows(), 3);
    assertThat(found).isDeepEqualTo(expected);
  }

  @Test
  void resultsThatCannotBeAreRefused() {
    LayerCase layer = LayerCase.random(0, 2, 10, 5);
    layer.on(
        1,
        gram -> {
          Reconstruction reconstruction = new Reconstruction(gram);
          WeightMatrix weights = LayerCase.matrix(layer.weights);
          WeightMatrix halves =
              WeightMatrix.of(MemorySegment.ofArray(new short[20]), DType.F16, 2, 10);
          assertThatIllegalArgumentException()
              .isThrownBy(() -> reconstruction.solve(weights, layer.mask(), halves))
              .withMessageStartingWith("result: expected F32 in dense rows");
          return assertThatIllegalArgumentException()
              .isThrownBy(
                  () ->
                      reconstruction.solve(
                          weights, layer.mask(), LayerCase.matrix(new float[1][10])))
              .withMessage("result: expected 2 x 10, found 1 x 10");
        });
  }
}
