package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.Sparsity.GroupPattern;
import io.github.wandacuda.Sparsity.Ratio;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSparseGpt;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SparseGptTest {
  @AutoClose private static final Workers WORKERS = new Workers(2);
  private static final Operations OPERATIONS = CpuOperations.checked(new ScalarForward(), WORKERS);

  /** Weights and mask after pruning. */
  private record Result(float[][] weights, Mask mask, long pruned) {}

  private static Result prune(float[][] weights, Gram gram, Sparsity sparsity) {
    WeightMatrix matrix = LayerCase.matrix(weights);
    Mask mask = Mask.allocate(matrix.rows(), matrix.columns());
    GramFactor factor = GramFactor.of(gram, WORKERS).orElseThrow();
    new SparseGpt(OPERATIONS, WORKERS, factor).prune(matrix, sparsity, mask.bits());
    return new Result(LayerCase.values(matrix), mask, mask.pruned());
  }

  private static void assertPruned(Result result, float[][] expected) {
    int pruned = 0;
    for (int row = 0; row < expected.length; row++) {
      for (int c = 0; c < expected[row].length; c++) {
        float weight = result.weights[row][c];
        assertThat(result.mask.isKept(row, c)).isEqualTo(expected[row][c] != 0);
        assertThat(weight).isCloseTo(expected[row][c], within(2e-6f));
        pruned += expected[row][c] == 0 ? 1 : 0;
      }
    }
    assertThat(result.pruned).isEqualTo(pruned);
  }

  @Test
  void halfOfThemAndOneMoreGo() {
    float[][] expected = {{0, 0, 0, 0}, {1, .9f, 0, 0}, {-.6f, 0, .824689f, -.675107f}};
    for (double scale : new double[] {1, 1e-3, 2, 1e6}) {
      assertPruned(
          prune(LayerCase.WEIGHTS, LayerCase.gram(LayerCase.TOKENS, scale), new Ratio(.5)),
          expected);
    }
  }

  @Test
  void groupsAreChosenOnUpdatedWeights() {
    Gram gram = LayerCase.gram(LayerCase.TOKENS, 1);
    assertPruned(
        prune(LayerCase.WEIGHTS, gram, new GroupPattern(2, 4)),
        new float[][] {{.5f, 0, .201245f, 0}, {1, .9f, 0, 0}, {0, 0, .954374f, -1.21952f}});
    assertPruned(
        prune(LayerCase.WEIGHTS, gram, new GroupPattern(1, 2)),
        new float[][] {{.5f, 0, .201245f, 0}, {1, 0, 0, .718047f}, {-.6f, 0, 0, -.30396f}});
  }

  @Test
  void agreesWithTheAlgorithmInDouble() {
    for (int columns : new int[] {1, 127, 128, 129, 300}) {
      float[][] weights = LayerCase.weights(37, columns, columns);
      Gram gram = LayerCase.gram(LayerCase.tokens(2 * columns + 9, columns, 4), 1);
      for (double share : new double[] {0, .3, .5, .9}) {
        assertAgrees(weights, gram, new Ratio(share));
      }
    }
    float[][] weights = LayerCase.weights(19, 240, 5);
    Gram gram = LayerCase.gram(LayerCase.tokens(700, 240, 6), 1);
    for (int[] pattern : new int[][] {{2, 4}, {4, 8}, {1, 3}, {7, 60}, {100, 120}, {239, 240}}) {
      assertAgrees(weights, gram, new GroupPattern(pattern[0], pattern[1]));
    }
  }

  private static void assertAgrees(float[][] weights, Gram gram, Sparsity sparsity) {
    Result found = prune(weights, gram, sparsity);
    PlainSparseGpt expected = new PlainSparseGpt(weights, gram, sparsity);
    String what = "%d columns, %s".formatted(gram.columns(), sparsity);
    for (int row = 0; row < weights.length; row++) {
      for (int c = 0; c < gram.columns(); c++) {
        assertThat(found.mask.isKept(row, c)).as(what).isEqualTo(!expected.pruned[row][c]);
        assertThat((double) found.weights[row][c])
            .as(what)
            .isCloseTo(expected.weights[row][c], within(1e-4));
        if (expected.pruned[row][c]) {
          assertThat(Float.floatToRawIntBits(found.weights[row][c])).isZero();
        }
      }
    }
  }

  @Test
  void ofEqualScoresAllGoOrTheFirstOfAGroup() {
    float[][] weights = new float[5][132];
    double[][] inputs = new double[132][132];
    for (int c = 0; c < 132; c++) {
      inputs[c][c] = 1;
      for (float[] row : weights) {
        row[c] = c % 2 == 0 ? 1 : -1;
      }
    }
    Gram gram = LayerCase.gram(inputs, 1);
    assertThat(prune(weights, gram, new Ratio(.25)).mask.kept()).isZero();
    Result groups = prune(weights, gram, new GroupPattern(1, 3));
    for (int c = 0; c < 132; c++) {
      assertThat(groups.mask.isKept(4, c)).isEqualTo(c % 3 != 0);
    }
  }

  /** Powers of 2, which change no bit; the squares would all be 0, or infinite. */
  @ParameterizedTest
  @ValueSource(ints = {-100, -64, 62, 110})
  void squaresNeedNotBeFloats(int exponent) {
    float[][] weights = LayerCase.weights(20, 140, 3);
    float[][] scaled = LayerCase.weights(20, 140, 3);
    for (float[] row : scaled) {
      for (int c = 0; c < row.length; c++) {
        row[c] = Math.scalb(row[c], exponent);
      }
    }
    Gram gram = LayerCase.gram(LayerCase.tokens(300, 140, 4), 1);
    for (Sparsity sparsity : new Sparsity[] {new Ratio(.1), new GroupPattern(2, 4)}) {
      Result expected = prune(weights, gram, sparsity);
      Result found = prune(scaled, gram, sparsity);
      assertThat(found.pruned).isEqualTo(expected.pruned);
      for (int row = 0; row < 20; row++) {
        for (int c = 0; c < 140; c++) {
          assertThat(found.weights[row][c])
              .isEqualTo(Math.scalb(expected.weights[row][c], exponent));
        }
      }
    }
  }

  /** Half of the rows are so much smaller than the others that their squares would be 0. */
  @Test
  void rowsOfManyMagnitudesAreToldApart() {
    float[][] weights = LayerCase.weights(20, 140, 3);
    for (int row = 0; row < 10; row++) {
      for (int c = 0; c < 140; c++) {
        weights[row][c] *= 1e-24f;
      }
    }
    Gram gram = LayerCase.gram(LayerCase.tokens(300, 140, 4), 1);
    assertThat(prune(weights, gram, new Ratio(.1)).pruned).isEqualTo(282);
  }

  @Test
  void deadColumnsGoWhole() {
    double[][] inputs = LayerCase.tokens(300, 140, 7);
    float[][] weights = LayerCase.weights(9, 140, 8);
    for (double[] token : inputs) {
      token[4] = token[5] = token[6] = token[133] = 0;
    }
    Gram gram = LayerCase.gram(inputs, 1);
    for (Sparsity sparsity : new Sparsity[] {new Ratio(.01), new GroupPattern(2, 4)}) {
      Result result = prune(weights, gram, sparsity);
      for (int row = 0; row < 9; row++) {
        for (int c : new int[] {4, 5, 6, 133}) {
          assertThat(result.mask.isKept(row, c)).isFalse();
          assertThat(result.weights[row][c]).isZero();
        }
      }
      assertThat(result.mask.isKept(0, 7)).isTrue();
      assertThat(result.pruned).isEqualTo(result.mask.pruned());
    }
    // A third zero in the group of columns 4 to 7.
    assertThat(prune(weights, gram, new GroupPattern(2, 4)).pruned).isEqualTo(9 * 71);
  }

  @Test
  void tilesOfRowsChangeNoBit() {
    int columns = 150;
    GramFactor factor =
        GramFactor.of(LayerCase.gram(LayerCase.tokens(400, columns, 12), 1), WORKERS).orElseThrow();
    for (Sparsity sparsity : new Sparsity[] {new Ratio(.6), new GroupPattern(2, 3)}) {
      WeightMatrix whole = LayerCase.matrix(LayerCase.weights(100, columns, 13));
      WeightMatrix tiles = LayerCase.matrix(LayerCase.weights(100, columns, 13));
      Mask mask = Mask.allocate(100, columns);
      Mask ofTiles = Mask.allocate(100, columns);
      new SparseGpt(OPERATIONS, WORKERS, factor).prune(whole, sparsity, mask.bits());
      new SparseGpt(OPERATIONS, WORKERS, factor, new ScalarSparseGpt(), 32 * columns)
          .prune(tiles, sparsity, ofTiles.bits());
      assertThat(tiles.data().mismatch(whole.data())).isEqualTo(-1);
      assertThat(ofTiles.bits().mismatch(mask.bits())).isEqualTo(-1);
    }
  }

  @Test
  void theMaskIsWrittenWholeAndNothingElse() {
    float[][] weights = LayerCase.weights(3, 9, 10);
    GramFactor factor =
        GramFactor.of(LayerCase.gram(LayerCase.tokens(30, 9, 11), 1), WORKERS).orElseThrow();
    MemorySegment bits = MemorySegment.ofArray(new byte[7]).fill((byte) -1);
    new SparseGpt(OPERATIONS, WORKERS, factor)
        .prune(LayerCase.matrix(weights), new GroupPattern(1, 3), bits);
    for (int row = 0; row < 3; row++) {
      assertThat(bits.get(ValueLayout.JAVA_BYTE, 2 * row + 1) & 0xfe).isZero();
    }
    assertThat(bits.get(ValueLayout.JAVA_BYTE, 6)).isEqualTo((byte) -1);
  }

  @Test
  void whatDoesNotFitIsRefused() {
    GramFactor factor = GramFactor.of(LayerCase.gram(LayerCase.TOKENS, 1), WORKERS).orElseThrow();
    SparseGpt pruner = new SparseGpt(OPERATIONS, WORKERS, factor);
    WeightMatrix weights = LayerCase.matrix(LayerCase.WEIGHTS);
    MemorySegment mask = MemorySegment.ofArray(new byte[3]);
    Ratio half = new Ratio(.5);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> pruner.prune(weights.transposed(), half, mask))
        .withMessage("weights: expected F32 with dense rows, found F32 with column stride 4");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> pruner.prune(WeightMatrix.of(weights.data(), DType.BF16, 3, 4), half, mask))
        .withMessageStartingWith("weights: expected F32");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> pruner.prune(LayerCase.matrix(new float[3][5]), half, mask))
        .withMessage("weights: expected 4 columns as the Gram matrix has, found 5");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> pruner.prune(weights, new GroupPattern(1, 3), mask))
        .withMessage("pattern: expected whole groups of 3 in 4 columns");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> pruner.prune(weights, half, mask.asSlice(1)))
        .withMessage("mask: expected 3 bytes, found 2");
    mask.fill((byte) 0x5a);
    pruner.prune(WeightMatrix.of(weights.data(), DType.F32, 0, 4), half, mask);
    assertThat(mask.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0x5a);
  }

  /**
   * SparseGPT in double as its authors write it: an inverse, its Cholesky factor, one column after
   * the other over the whole matrix.
   */
  private static final class PlainSparseGpt {
    final double[][] weights;
    final boolean[][] pruned;
    private final double[][] upper;
    private final int columns;

    PlainSparseGpt(float[][] dense, Gram gram, Sparsity sparsity) {
      columns = gram.columns();
      weights = new double[dense.length][columns];
      pruned = new boolean[dense.length][columns];
      for (int row = 0; row < dense.length; row++) {
        for (int c = 0; c < columns; c++) {
          weights[row][c] = dense[row][c];
        }
      }
      upper = choleskyTransposed(inverse(dampened(gram)));
      for (int c = 0; c < columns; c++) {
        if (sparsity instanceof Ratio ratio && c % 128 == 0) {
          chooseBlock(c, Math.min(columns, c + 128), ratio);
        } else if (sparsity instanceof GroupPattern pattern && c % pattern.size() == 0) {
          chooseGroups(c, pattern);
        }
        take(c);
      }
    }

    private static double[][] dampened(Gram gram) {
      double[][] h = new double[gram.columns()][gram.columns()];
      for (int i = 0; i < h.length; i++) {
        for (int j = 0; j < h.length; j++) {
          h[i][j] = gram.get(i, j) + (i == j ? .01 * LayerCase.meanDiagonal(gram) : 0);
        }
      }
      return h;
    }

    /** By Gauss and Jordan; a dampened matrix needs no pivoting. */
    private static double[][] inverse(double[][] a) {
      for (int p = 0; p < a.length; p++) {
        double pivot = a[p][p];
        a[p][p] = 1;
        for (int j = 0; j < a.length; j++) {
          a[p][j] /= pivot;
        }
        for (int i = 0; i < a.length; i++) {
          double factor = i == p ? 0 : a[i][p];
          a[i][p] = i == p ? a[i][p] : 0;
          for (int j = 0; j < a.length; j++) {
            a[i][j] -= factor * a[p][j];
          }
        }
      }
      return a;
    }

    private static double[][] choleskyTransposed(double[][] a) {
      double[][] upper = new double[a.length][a.length];
      for (int i = 0; i < a.length; i++) {
        for (int j = i; j < a.length; j++) {
          double sum = a[i][j];
          for (int k = 0; k < i; k++) {
            sum -= upper[k][i] * upper[k][j];
          }
          upper[i][j] = i == j ? Math.sqrt(sum) : sum / upper[i][i];
        }
      }
      return upper;
    }

    private double score(int row, int column) {
      double share = weights[row][column] / upper[column][column];
      return share * share;
    }

    private void chooseBlock(int from, int to, Ratio ratio) {
      int count = weights.length * (to - from);
      double[] scores = new double[count];
      for (int i = 0; i < count; i++) {
        scores[i] = score(i / (to - from), from + i % (to - from));
      }
      Arrays.sort(scores);
      double threshold = scores[(int) (count * ratio.fraction())];
      for (int row = 0; row < weights.length; row++) {
        for (int c = from; c < to; c++) {
          pruned[row][c] = score(row, c) <= threshold;
        }
      }
    }

    private void chooseGroups(int from, GroupPattern pattern) {
      for (int r = 0; r < weights.length; r++) {
        int row = r;
        IntStream.range(from, from + pattern.size())
            .boxed()
            .sorted(Comparator.comparingDouble(c -> score(row, c)))
            .limit(pattern.pruned())
            .forEach(c -> pruned[row][c] = true);
      }
    }

    private void take(int column) {
      for (int row = 0; row < weights.length; row++) {
        if (pruned[row][column]) {
          double error = weights[row][column] / upper[column][column];
          for (int j = column + 1; j < columns; j++) {
            weights[row][j] -= error * upper[column][j];
          }
          weights[row][column] = 0;
        }
      }
    }
  }
}
