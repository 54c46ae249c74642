package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.simd.VectorRows;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Thorough;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Swaps against errors in float64 that are computed from nothing but the masks. */
@Execution(ExecutionMode.CONCURRENT)
class MaskSwapsTest {
  private static final OptionalInt NONE = OptionalInt.empty();

  private static boolean[][] refined(
      LayerCase layer, RowArithmetic rows, int threads, OptionalInt group, OptionalInt budget) {
    return layer.on(
        rows,
        threads,
        gram -> {
          MemorySegment mask = layer.mask();
          new MaskSwaps(gram).refine(LayerCase.matrix(layer.weights), mask, group, budget);
          return layer.unpacked(mask);
        });
  }

  private static boolean[][] refined(LayerCase layer, OptionalInt group, OptionalInt budget) {
    return refined(layer, new ScalarRows(), 1, group, budget);
  }

  @Test
  void theKnownLayerSwapsOnePair() {
    LayerCase layer = LayerCase.known();
    boolean[][] kept = refined(layer, NONE, NONE);
    assertThat(kept[0]).isEqualTo(layer.kept[0]);
    assertThat(kept[1]).isEqualTo(layer.kept[1]);
    assertThat(kept[2]).containsExactly(true, true, false, false);
    assertThat(layer.error(2, layer.kept[2])).isEqualTo(4.9875, within(1e-6));
    assertThat(layer.error(2, kept[2])).isEqualTo(4.27, within(1e-6));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 15, 28, 64, 130, 300})
  @FirstCases(2)
  void errorsFallAndCountsStay(int columns) {
    int fell = 0;
    for (int seed = 0; seed < 20; seed++) {
      LayerCase layer = LayerCase.random(seed, 9, columns, columns);
      boolean[][] kept = refined(layer, NONE, NONE);
      for (int row = 0; row < 9; row++) {
        assertThat(count(kept[row], 0, columns)).isEqualTo(count(layer.kept[row], 0, columns));
        double was = layer.error(row, layer.kept[row]);
        double is = layer.error(row, kept[row]);
        assertThat(is).isLessThanOrEqualTo(was);
        fell += is < was ? 1 : 0;
        assertThat(Arrays.equals(kept[row], layer.kept[row])).isEqualTo(is == was);
        deadStayPruned(layer, row, kept[row]);
      }
    }
    assertThat(fell).isGreaterThan(columns < 4 ? -1 : 60);
  }

  private static void deadStayPruned(LayerCase layer, int row, boolean[] kept) {
    for (int k = 0; k < kept.length; k++) {
      if (layer.gram[k][k] == 0 && !layer.kept[row][k]) {
        assertThat(kept[k]).as("column %d, whose input is always zero", k).isFalse();
      }
    }
  }

  private static int count(boolean[] kept, int from, int to) {
    int count = 0;
    for (int k = from; k < to; k++) {
      count += kept[k] ? 1 : 0;
    }
    return count;
  }

  /** All pairs are candidates where each side has eight columns at most. */
  @Test
  void noSwapOfSmallRowsIsLeft() {
    for (int seed = 0; seed < 60; seed++) {
      LayerCase layer = LayerCase.random(seed, 8, 16, 16);
      boolean[][] kept = refined(layer, NONE, NONE);
      for (int row = 0; row < 8; row++) {
        if (count(layer.kept[row], 0, 16) == 8) {
          noSwapIsLeft(layer, row, kept[row], 16);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8, 20})
  void noSwapWithinGroupsIsLeft(int group) {
    for (int seed = 0; seed < 20; seed++) {
      LayerCase layer = LayerCase.random(seed, 8, 40, group);
      boolean[][] kept = refined(layer, OptionalInt.of(group), NONE);
      for (int row = 0; row < 8; row++) {
        for (int first = 0; first < 40; first += group) {
          assertThat(count(kept[row], first, first + group))
              .isEqualTo(count(layer.kept[row], first, first + group));
        }
        assertThat(layer.error(row, kept[row]))
            .isLessThanOrEqualTo(layer.error(row, layer.kept[row]));
        noSwapIsLeft(layer, row, kept[row], group);
      }
    }
  }

  /** Ties, and values that are infinite or no number, included. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 5, 8, 20, 40})
  void groupsGetTheSwapsOfASearchOfAllTheirPairs(int group) {
    int changed = 0;
    for (int seed = 0; seed < 30; seed++) {
      LayerCase layer = LayerCase.random(seed, 9, 40, group);
      for (int row = 0; row < 6; row++) {
        for (int k = 0; k < 40 && row > 2; k++) {
          layer.weights[row][k] = Math.round(layer.weights[row][k]);
        }
      }
      float[] odd = {Float.NaN, Float.POSITIVE_INFINITY, 1e38f};
      for (int row = 6; row < 9; row++) {
        layer.weights[row][seed] = odd[row - 6];
      }
      boolean[][] expected = layer.on(1, gram -> searched(layer, gram, group));
      for (RowArithmetic rows : new RowArithmetic[] {new ScalarRows(), new VectorRows()}) {
        assertThat(refined(layer, rows, 2, OptionalInt.of(group), NONE)).isDeepEqualTo(expected);
      }
      changed += Arrays.deepEquals(expected, layer.kept) ? 0 : 1;
    }
    assertThat(changed).isGreaterThan(group == 1 ? -1 : 20);
  }

  private static boolean[][] searched(LayerCase layer, SquareGram gram, int group) {
    int columns = layer.columns();
    CpuTensor pruned = CpuTensor.zeros(layer.kept.length, columns);
    CpuTensor products = CpuTensor.zeros(layer.kept.length, columns);
    for (int row = 0; row < layer.kept.length; row++) {
      float[] gone = layer.pruned(row, negated(layer.kept[row]));
      System.arraycopy(gone, 0, pruned.data(), pruned.at(row), columns);
    }
    gram.multiply(pruned, products);
    boolean[][] kept = new boolean[layer.kept.length][];
    RowSwaps swaps = new RowSwaps(gram, gram.diagonal());
    for (int row = 0; row < kept.length; row++) {
      System.arraycopy(layer.weights[row], 0, swaps.weights(), 0, columns);
      System.arraycopy(layer.kept[row], 0, swaps.kept(), 0, columns);
      swaps.improve(
          products.data(), products.at(row), columns, search -> swapAll(search, gram, group));
      kept[row] = swaps.kept().clone();
    }
    return kept;
  }

  private static boolean[] negated(boolean[] kept) {
    boolean[] negated = new boolean[kept.length];
    for (int k = 0; k < kept.length; k++) {
      negated[k] = !kept[k];
    }
    return negated;
  }

  private static void swapAll(RowSwaps row, SquareGram gram, int group) {
    for (int i = 0; i >= 0 && !row.isDone(); ) {
      double best = row.leastChange();
      i = -1;
      int j = 0;
      for (int kept = 0; kept < gram.columns(); kept++) {
        for (int other = kept - kept % group; other < kept - kept % group + group; other++) {
          double change =
              row.pruning(kept)
                  + row.restoring(other)
                  - row.together(kept, other, gram.get(kept, other));
          if (row.kept()[kept] && !row.kept()[other] && change < best) {
            best = change;
            i = kept;
            j = other;
          }
        }
      }
      if (i >= 0) {
        row.swap(i, j, best);
      }
    }
  }

  private static void noSwapIsLeft(LayerCase layer, int row, boolean[] kept, int group) {
    double error = layer.error(row, kept);
    for (int i = 0; i < kept.length; i++) {
      for (int j = i - i % group; j < i - i % group + group; j++) {
        if (kept[i] && !kept[j] && layer.gram[j][j] > 0) {
          boolean[] swapped = kept.clone();
          swapped[i] = false;
          swapped[j] = true;
          assertThat(layer.error(row, swapped)).isGreaterThan(error * (1 - 1e-5) - 1e-9);
        }
      }
    }
  }

  @Test
  void theBestSwapComesFirst() {
    for (int seed = 0; seed < 30; seed++) {
      LayerCase layer = LayerCase.random(seed, 8, 16, 16);
      boolean[][] kept = refined(layer, NONE, OptionalInt.of(1));
      for (int row = 0; row < 8; row++) {
        if (count(layer.kept[row], 0, 16) == 8) {
          assertThat(layer.error(row, kept[row]))
              .isEqualTo(best(layer, row), within(1e-5 * layer.error(row, layer.kept[row])));
        }
      }
    }
  }

  /** Returns the lowest error of a row by one swap or none. */
  private static double best(LayerCase layer, int row) {
    double best = layer.error(row, layer.kept[row]);
    for (int i = 0; i < layer.columns(); i++) {
      for (int j = 0; j < layer.columns(); j++) {
        if (layer.kept[row][i] && !layer.kept[row][j] && layer.gram[j][j] > 0) {
          boolean[] swapped = layer.kept[row].clone();
          swapped[i] = false;
          swapped[j] = true;
          best = Math.min(best, layer.error(row, swapped));
        }
      }
    }
    return best;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void aBudgetHoldsForEachRow(int budget) {
    LayerCase layer = LayerCase.random(3, 20, 120, 4);
    for (OptionalInt group : new OptionalInt[] {NONE, OptionalInt.of(4)}) {
      boolean[][] kept = refined(layer, group, OptionalInt.of(budget));
      for (int row = 0; row < 20; row++) {
        int pruned = 0;
        for (int k = 0; k < 120; k++) {
          pruned += layer.kept[row][k] && !kept[row][k] ? 1 : 0;
        }
        assertThat(pruned).isEqualTo(budget);
      }
    }
  }

  /** Columns alike in everything: the lowest are taken. */
  @Test
  void tiesGoToTheLowestColumns() {
    float[][] weights = {{1, 1, 1, 1, 1, 2, 2, 2}};
    boolean[][] kept = {{false, true, true, true, true, false, false, true}};
    double[][] tokens = new double[8][8];
    for (int k = 0; k < 8; k++) {
      tokens[k][k] = 1;
    }
    LayerCase layer = new LayerCase(weights, kept, tokens);
    assertThat(refined(layer, NONE, OptionalInt.of(1))[0])
        .containsExactly(false, false, true, true, true, true, false, true);
    assertThat(refined(layer, OptionalInt.of(8), OptionalInt.of(1))[0])
        .containsExactly(false, false, true, true, true, true, false, true);
  }

  /** After the one swap that gains, columns alike could be exchanged for ever. */
  @Test
  void whatGainsNothingIsNotSwapped() {
    double[][] tokens = new double[4][4];
    for (int k = 0; k < 4; k++) {
      tokens[k][k] = 1;
    }
    LayerCase layer =
        new LayerCase(
            new float[][] {{1, 1, 1, 2}}, new boolean[][] {{true, true, false, false}}, tokens);
    for (OptionalInt group : new OptionalInt[] {NONE, OptionalInt.of(4)}) {
      boolean[][] kept = refined(layer, group, NONE);
      assertThat(kept[0]).containsExactly(false, true, false, true);
    }
  }

  /** A kept column whose input is always zero is given up for one that counts. */
  @Test
  void columnsWithoutInputArePruned() {
    LayerCase layer =
        new LayerCase(
            new float[][] {{5, 1, 3}, {5, 1, 3}},
            new boolean[][] {{true, false, true}, {false, true, false}},
            new double[][] {{0, 2, 1}, {0, 1, -1}});
    boolean[][] kept = refined(layer, NONE, NONE);
    assertThat(kept[0]).containsExactly(false, true, true);
    assertThat(kept[1][0]).isFalse();
  }

  /** Products that are far off have a swap look good that isn't. */
  @Test
  void aRowThatRoundingMisleadsKeepsItsMask() {
    LayerCase layer = LayerCase.known();
    layer.on(
        1,
        gram -> {
          float[] diagonal = {15, 11, 7, 11};
          RowSwaps row = new RowSwaps(gram, diagonal);
          System.arraycopy(layer.weights[0], 0, row.weights(), 0, 4);
          System.arraycopy(layer.kept[0], 0, row.kept(), 0, 4);
          float[] products = {-100, 0, 0, 0};
          boolean better =
              row.improve(
                  products,
                  0,
                  1,
                  misled -> {
                    misled.swap(0, 1, -1);
                    assertThat(misled.kept()[0]).isFalse();
                  });
          assertThat(better).isFalse();
          return assertThat(row.kept()).isEqualTo(layer.kept[0]);
        });
  }

  @Test
  @Thorough
  void kernelsAndThreadsGiveOneMask() {
    for (OptionalInt group : new OptionalInt[] {NONE, OptionalInt.of(5)}) {
      LayerCase layer = LayerCase.random(11, 40, 315, 5);
      boolean[][] expected = refined(layer, group, NONE);
      boolean[][] found = refined(layer, new VectorRows(), 3, group, NONE);
      assertThat(found).isDeepEqualTo(expected);
    }
  }

  @Test
  void sizesThatDisagreeAreRefused() {
    LayerCase layer = LayerCase.random(0, 2, 10, 5);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> refined(layer, OptionalInt.of(3), NONE))
        .withMessage("groups of 3 in 10 columns");
    layer.on(
        1,
        gram -> {
          MaskSwaps swaps = new MaskSwaps(gram);
          assertThatIllegalArgumentException()
              .isThrownBy(
                  () ->
                      swaps.refine(
                          LayerCase.matrix(layer.weights),
                          MemorySegment.ofArray(new byte[3]),
                          NONE,
                          NONE))
              .withMessage("mask of 2 x 10: expected 4 bytes, found 3");
          return assertThatIllegalArgumentException()
              .isThrownBy(
                  () -> swaps.refine(LayerCase.matrix(new float[2][9]), layer.mask(), NONE, NONE))
              .withMessage("weights: expected 10 columns as the Gram matrix, found 9");
        });
  }
}
