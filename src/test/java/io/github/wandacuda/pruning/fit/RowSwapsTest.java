package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Swaps: the scalar code's masks on each backend. */
@EachBackend
public class RowSwapsTest {
  private static final OptionalInt NONE = OptionalInt.empty();

  private final OpenedBackend backend;

  /** Tests a backend, as others do with changed kernels. */
  public RowSwapsTest(OpenedBackend backend) {
    this.backend = backend;
  }

  /** Returns how many rows have another mask than before. */
  private int sameMasks(LayerCase layer, OptionalInt group, OptionalInt budget) {
    RowCases rows = new RowCases(layer);
    boolean[][] expected = rows.scalar(gram -> refined(gram, layer, group, budget));
    for (boolean[][] found : rows.on(backend, gram -> refined(gram, layer, group, budget))) {
      assertThat(found).isDeepEqualTo(expected);
    }
    int changed = 0;
    for (int row = 0; row < expected.length; row++) {
      changed += Arrays.equals(expected[row], layer.kept[row]) ? 0 : 1;
    }
    return changed;
  }

  private static boolean[][] refined(
      SquareGram gram, LayerCase layer, OptionalInt group, OptionalInt budget) {
    MemorySegment mask = layer.mask();
    new MaskSwaps(gram).refine(LayerCase.matrix(layer.weights), mask, group, budget);
    return layer.unpacked(mask);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 2", "9, 15", "17, 33", "5, 130", "2, 315"})
  public void everySizeGivesTheSameMasks(int rows, int columns) {
    LayerCase layer = LayerCase.random(columns, rows, columns, columns);
    int changed = sameMasks(layer, NONE, NONE);
    assertThat(changed).isGreaterThan(columns < 15 ? -1 : 0);
    sameMasks(layer, NONE, OptionalInt.of(3));
  }

  @ParameterizedTest
  @CsvSource({"9, 40, 1", "9, 40, 2", "17, 64, 4", "5, 320, 8", "2, 300, 20", "6, 48, 48"})
  public void everyGroupGivesTheSameMasks(int rows, int columns, int group) {
    LayerCase layer = LayerCase.random(columns, rows, columns, group);
    int changed = sameMasks(layer, OptionalInt.of(group), NONE);
    assertThat(changed).isGreaterThan(group == 1 ? -1 : 0);
    sameMasks(layer, OptionalInt.of(group), OptionalInt.of(2));
  }

  /** Columns that are alike go by their order. */
  @Test
  public void tiesGiveTheSameMasks() {
    for (int seed = 0; seed < 3; seed++) {
      LayerCase layer = LayerCase.random(seed, 12, 60, 4);
      for (float[] row : layer.weights) {
        for (int k = 0; k < row.length; k++) {
          row[k] = Math.round(row[k]);
        }
      }
      for (float[] row : layer.gram) {
        Arrays.fill(row, 0);
      }
      for (int k = 0; k < 60; k++) {
        layer.gram[k][k] = 1 + k % 2;
      }
      assertThat(sameMasks(layer, NONE, NONE)).isGreaterThan(1);
      assertThat(sameMasks(layer, OptionalInt.of(4), NONE)).isGreaterThan(1);
    }
  }

  /** One token: all but nothing of the error is left, and what is known in float32 is rounding. */
  @Test
  public void errorsThatVanishGiveTheSameMasks() {
    LayerCase drawn = LayerCase.random(4, 9, 48, 8);
    double[][] token = {new double[48]};
    Arrays.setAll(token[0], k -> Math.cos(k) + 1.5);
    LayerCase layer = new LayerCase(drawn.weights, drawn.kept, token);
    assertThat(sameMasks(layer, NONE, NONE)).isGreaterThan(6);
    assertThat(sameMasks(layer, OptionalInt.of(8), NONE)).isGreaterThan(6);
  }

  @Test
  void numbersThatAreTooLargeOrNoneGiveTheSameMasks() {
    LayerCase layer = LayerCase.random(6, 8, 36, 4);
    float[] odd = {Float.NaN, Float.POSITIVE_INFINITY, 3e38f, 1e-38f, 1e19f};
    for (int row = 0; row < odd.length; row++) {
      layer.weights[row][row] = odd[row];
    }
    sameMasks(layer, NONE, NONE);
    sameMasks(layer, OptionalInt.of(4), NONE);
  }
}
