package io.github.wandacuda.pruning.mask;

import static io.github.wandacuda.pruning.Choosers.HALF;
import static io.github.wandacuda.pruning.Choosers.pruned;
import static io.github.wandacuda.pruning.fit.LayerCase.matrix;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.Choosers;
import io.github.wandacuda.pruning.recipe.ModuleRules.Scope;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Relative importance and activations, on each backend, beside the formula as it is written. */
@EachBackend
class RiaMaskTest {
  private static final float[] NORMS = {3.872983f, 3.316625f, 2.645751f, 3.316625f};
  private static final WeightMatrix SMALL =
      matrix(
          new float[] {.5f, -.2f, .3f, .1f},
          new float[] {1, .9f, -.4f, .25f},
          new float[] {-.6f, .05f, .8f, -.7f});

  private final OpenedBackend backend;

  RiaMaskTest(OpenedBackend backend) {
    this.backend = backend;
  }

  private Mask choose(
      Scope scope, int threads, WeightMatrix weights, float[] norms, Sparsity sparsity) {
    return Choosers.choose(
        (workers, buffers) -> new RiaMask(backend.selector(), workers, buffers, scope)::choose,
        threads,
        weights,
        norms,
        sparsity);
  }

  /** Scores 1.363 .648 .769 .339, 1.709 2.068 .689 .612, 1.111 .122 1.473 1.807. */
  @Test
  void theWholeMatrixGoesUpToTheScoreInItsMiddle() {
    assertThat(pruned(choose(Scope.MATRIX, 1, SMALL, NORMS, HALF))).isEqualTo("0111 0011 1100");
  }

  @Test
  void rowsLoseTheirLowest() {
    assertThat(pruned(choose(Scope.ROW, 1, SMALL, NORMS, HALF))).isEqualTo("0101 0011 1100");
  }

  @ParameterizedTest
  @EnumSource
  void groupsLoseTheirLowest(Scope scope) {
    Sparsity pairs = new Sparsity.GroupPattern(1, 2);
    assertThat(pruned(choose(scope, 1, SMALL, NORMS, pairs))).isEqualTo("0101 1001 0110");
  }

  /** Where the formula says 0/0. */
  @Test
  void aColumnOfZerosScoresZero() {
    WeightMatrix weights = matrix(new float[] {1, 0, 2}, new float[] {3, -0.0f, 4});
    Sparsity third = new Sparsity.Ratio(0.34);
    assertThat(pruned(choose(Scope.ROW, 1, weights, new float[] {1, 100, 1}, third)))
        .isEqualTo("010 010");
  }

  @Test
  void aRowOfZerosScoresZero() {
    WeightMatrix weights = matrix(new float[] {0, 0, 0}, new float[] {3, 2, 4});
    Sparsity lowest = new Sparsity.Ratio(0.34);
    assertThat(pruned(choose(Scope.MATRIX, 1, weights, new float[] {1, 1, 1}, lowest)))
        .isEqualTo("111 000");
  }

  @Test
  void aDeadColumnGoesFirst() {
    WeightMatrix weights = matrix(new float[] {1, 9, 2}, new float[] {3, 8, 4});
    Sparsity third = new Sparsity.Ratio(0.34);
    assertThat(pruned(choose(Scope.ROW, 1, weights, new float[] {1, 0, 1}, third)))
        .isEqualTo("010 010");
  }

  @ParameterizedTest
  @EnumSource
  @FirstCases(1)
  void everyTypeLayoutAndThreadCountAgreesWithTheFormula(DType dtype) {
    SplittableRandom random = new SplittableRandom(dtype.ordinal());
    for (int columns : new int[] {1, 7, 64, 203}) {
      int rows = columns == 64 ? 300 : 9;
      float[][] values = new float[rows][columns];
      MemorySegment memory = MemorySegment.ofArray(new byte[rows * columns * dtype.bytes()]);
      MemorySegment turned = MemorySegment.ofArray(new byte[rows * columns * dtype.bytes()]);
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          float value = (float) random.nextGaussian(0, 0.1);
          values[r][c] = put(dtype, memory, r * columns + c, value);
          put(dtype, turned, c * rows + r, value);
        }
      }
      float[] norms = new float[columns];
      for (int c = 0; c < columns; c++) {
        norms[c] = (float) Math.exp(random.nextGaussian());
      }
      double[][] scores = scores(values, norms);
      WeightMatrix dense = WeightMatrix.of(memory, dtype, rows, columns);
      WeightMatrix transposed = WeightMatrix.of(turned, dtype, columns, rows).transposed();
      for (Scope scope : Scope.values()) {
        String expected = scope == Scope.ROW ? lowestOfRows(scores) : upToTheMiddle(scores);
        assertThat(pruned(choose(scope, 1, dense, norms, HALF))).isEqualTo(expected);
        assertThat(pruned(choose(scope, 3, dense, norms, HALF))).isEqualTo(expected);
        assertThat(pruned(choose(scope, 2, transposed, norms, HALF))).isEqualTo(expected);
      }
    }
  }

  private static float put(DType dtype, MemorySegment memory, int index, float value) {
    switch (dtype) {
      case F32 -> {
        memory.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * index, value);
        return value;
      }
      case F16 -> {
        short half = Float.floatToFloat16(value);
        memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * index, half);
        return Float.float16ToFloat(half);
      }
      default -> {
        int bits = Float.floatToRawIntBits(value) >>> 16;
        memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * index, (short) bits);
        return Float.intBitsToFloat(bits << 16);
      }
    }
  }

  private static double[][] scores(float[][] values, float[] norms) {
    double[][] scores = new double[values.length][norms.length];
    for (int r = 0; r < values.length; r++) {
      for (int c = 0; c < norms.length; c++) {
        double ofRow = 0;
        for (float value : values[r]) {
          ofRow += Math.abs(value);
        }
        double ofColumn = 0;
        for (float[] row : values) {
          ofColumn += Math.abs(row[c]);
        }
        double magnitude = Math.abs(values[r][c]);
        scores[r][c] = (magnitude / ofColumn + magnitude / ofRow) * Math.pow(norms[c], 0.5);
      }
    }
    return scores;
  }

  private static String lowestOfRows(double[][] scores) {
    StringBuilder text = new StringBuilder();
    for (double[] row : scores) {
      char[] bits = "0".repeat(row.length).toCharArray();
      IntStream.range(0, row.length)
          .boxed()
          .sorted(Comparator.comparing(c -> (float) row[c]))
          .limit(row.length / 2)
          .forEach(c -> bits[c] = '1');
      text.append(text.isEmpty() ? "" : " ").append(bits);
    }
    return text.toString();
  }

  private static String upToTheMiddle(double[][] scores) {
    double[] all = Arrays.stream(scores).flatMapToDouble(Arrays::stream).sorted().toArray();
    float threshold = (float) all[all.length / 2];
    StringBuilder text = new StringBuilder();
    for (double[] row : scores) {
      text.append(text.isEmpty() ? "" : " ");
      for (double score : row) {
        text.append((float) score <= threshold ? '1' : '0');
      }
    }
    return text.toString();
  }
}
