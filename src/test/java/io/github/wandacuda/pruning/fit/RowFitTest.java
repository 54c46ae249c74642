package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reconstruction and errors: the scalar code's bits on each backend. */
@EachBackend
public class RowFitTest {
  private final OpenedBackend backend;

  /** Tests a backend, as others do with changed kernels. */
  public RowFitTest(OpenedBackend backend) {
    this.backend = backend;
  }

  private void sameBits(LayerCase layer, float[][] start) {
    RowCases rows = new RowCases(layer);
    float[][] expected = rows.scalar(gram -> solved(gram, layer, start));
    for (float[][] found : rows.on(backend, gram -> solved(gram, layer, start))) {
      for (int row = 0; row < expected.length; row++) {
        assertThat(bits(found[row])).as("row %d", row).isEqualTo(bits(expected[row]));
      }
    }
  }

  private static float[][] solved(SquareGram gram, LayerCase layer, float[][] start) {
    WeightMatrix result = LayerCase.matrix(start);
    new Reconstruction(gram).solve(LayerCase.matrix(layer.weights), layer.mask(), result);
    return LayerCase.values(result);
  }

  private static int[] bits(float[] row) {
    int[] bits = new int[row.length];
    Arrays.setAll(bits, k -> Float.floatToRawIntBits(row[k]));
    return bits;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 2", "9, 15", "17, 16", "16, 17", "33, 64", "5, 130", "40, 315", "3, 600"})
  public void everySizeGivesTheSameBits(int rows, int columns) {
    LayerCase layer = LayerCase.random(columns, rows, columns, columns);
    sameBits(layer, layer.masked());
    sameBits(layer, layer.weights);
  }

  /** Nothing is left to gain: what rows change by is told in float64. */
  @Test
  public void rowsThatAreSolvedGiveTheSameBits() {
    LayerCase layer = LayerCase.random(7, 21, 18, 18);
    float[][] solution = layer.masked();
    for (int time = 0; time < 3; time++) {
      sameBits(layer, solution);
      float[][] start = solution;
      solution = new RowCases(layer).scalar(gram -> solved(gram, layer, start));
    }
  }

  @Test
  void rowsThatAreKeptWholeStay() {
    LayerCase layer = LayerCase.random(5, 3, 20, 20);
    for (boolean[] row : layer.kept) {
      Arrays.fill(row, true);
    }
    sameBits(layer, layer.weights);
  }

  @Test
  void numbersThatAreAlmostTooLargeGiveTheSameBits() {
    LayerCase layer = LayerCase.random(6, 8, 36, 36);
    float[] odd = {3e38f, 1e30f, 1e-38f, 1e19f};
    for (int row = 0; row < odd.length; row++) {
      layer.weights[row][row] = odd[row];
    }
    RowCases rows = new RowCases(layer);
    float[][] expected = rows.scalar(gram -> solved(gram, layer, layer.masked()));
    assertThat(rows.on(backend, gram -> solved(gram, layer, layer.masked())))
        .isNotEmpty()
        .allSatisfy(found -> assertThat(found).isDeepEqualTo(expected));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "7, 33", "20, 300"})
  void errorsAreTheSame(int rows, int columns) {
    LayerCase layer = LayerCase.random(rows, rows, columns, columns);
    RowCases cases = new RowCases(layer);
    OutputError expected = cases.scalar(gram -> error(gram, layer));
    assertThat(expected.output()).isGreaterThanOrEqualTo(expected.error());
    assertThat(cases.on(backend, gram -> error(gram, layer))).isNotEmpty().containsOnly(expected);
  }

  private static OutputError error(SquareGram gram, LayerCase layer) {
    return OutputError.of(gram, LayerCase.matrix(layer.weights), LayerCase.matrix(layer.masked()));
  }
}
