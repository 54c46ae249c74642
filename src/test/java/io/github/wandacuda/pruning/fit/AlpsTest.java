package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.CpuSelector;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.pruning.mask.TileMasks;
import io.github.wandacuda.pruning.recipe.SparsityParser;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ALPS against the same steps in float64, with an inverse by elimination. */
public class AlpsTest {
  private static final long TILE_BYTES = 1 << 12;

  public record Chosen(boolean[][] kept, float[][] values) {
    /** Expects of each of a backend's operations the bits that the scalar code gives. */
    public static void assertSame(
        OpenedBackend backend, UnaryOperator<Operations> by, Function<Operations, Chosen> work) {
      Chosen expected = work.apply(backend.scalar());
      for (Operations operations : backend.operations()) {
        Chosen found = work.apply(by.apply(operations));
        assertThat(found.kept).isDeepEqualTo(expected.kept);
        assertThat(found.values).isDeepEqualTo(expected.values);
      }
    }
  }

  private static Chosen solved(LayerCase layer, Sparsity sparsity, int threads) {
    try (Workers workers = new Workers(threads);
        Backend backend = Pruning.cpu(threads)) {
      return solved(layer, sparsity, backend.operations(), workers);
    }
  }

  /** Returns what a backend gives. */
  static Chosen solved(LayerCase layer, Sparsity sparsity, Operations operations, Workers workers) {
    MemorySegment mask = layer.mask();
    WeightMatrix result = LayerCase.matrix(layer.masked());
    TileMasks masks = new TileMasks(new CpuSelector(new ScalarSelect()), workers);
    try (Arena arena = Arena.ofShared();
        Alps alps = Alps.of(operations, workers, layer.packed(arena)).orElseThrow();
        SquareGram gram = new SquareGram(operations, workers, layer.packed(arena));
        LayerRows rows = new LayerRows(gram, LayerCase.matrix(layer.weights), mask, result)) {
      rows.moveWhole(RowTile::loadMask);
      alps.solve(rows, sparsity, () -> masks.magnitude(result, sparsity, TILE_BYTES, mask));
      rows.store();
      return new Chosen(layer.unpacked(mask), LayerCase.values(result));
    }
  }

  private static Chosen expected(LayerCase layer, Sparsity sparsity) {
    int rows = layer.weights.length;
    int columns = layer.columns();
    double[] scales =
        IntStream.range(0, columns).mapToDouble(k -> Math.sqrt(layer.gram[k][k])).toArray();
    double[][] w = new double[rows][columns];
    boolean[][] kept = Arrays.stream(layer.kept).map(boolean[]::clone).toArray(boolean[][]::new);
    for (int row = 0; row < rows; row++) {
      for (int k = 0; k < columns; k++) {
        w[row][k] = layer.weights[row][k] * scales[k];
      }
    }
    double[][] t = Arrays.stream(w).map(double[]::clone).toArray(double[][]::new);
    double rise = Math.pow(15, 1 / 11.0);
    for (int step = 0; step < 12; step++) {
      double middle = 0.1 * Math.pow(rise, step / 3 * 3 + 1);
      double[][] inverse = inverse(layer, scales, middle);
      double factor = middle * Math.pow(rise, 0.4 * (step % 3 - 1));
      for (int row = 0; row < rows; row++) {
        double[] u = new double[columns];
        double[] x = new double[columns];
        for (int k = 0; k < columns; k++) {
          u[k] = kept[row][k] || step == 0 ? 0 : t[row][k] / rise;
          x[k] = (kept[row][k] ? t[row][k] : 0) - w[row][k] - u[k];
        }
        for (int k = 0; k < columns; k++) {
          t[row][k] = w[row][k] + u[k];
          for (int j = 0; j < columns; j++) {
            t[row][k] += factor * x[j] * inverse[j][k];
          }
        }
      }
      kept = largest(t, sparsity);
    }
    float[][] values = new float[rows][columns];
    for (int row = 0; row < rows; row++) {
      for (int k = 0; k < columns; k++) {
        boolean dead = scales[k] == 0;
        values[row][k] = (float) (dead ? layer.weights[row][k] : t[row][k] / scales[k]);
      }
    }
    return new Chosen(kept, values);
  }

  private static double[][] inverse(LayerCase layer, double[] scales, double penalty) {
    int n = scales.length;
    double[][] a = new double[n][2 * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        double scale = scales[i] * scales[j];
        a[i][j] = (scale == 0 ? 0 : layer.gram[i][j] / scale) + (i == j ? penalty : 0);
      }
      a[i][n + i] = 1;
    }
    for (int i = 0; i < n; i++) {
      double pivot = a[i][i];
      for (int k = 0; k < 2 * n; k++) {
        a[i][k] /= pivot;
      }
      for (int other = 0; other < n; other++) {
        double times = other == i ? 0 : a[other][i];
        for (int k = 0; k < 2 * n; k++) {
          a[other][k] -= times * a[i][k];
        }
      }
    }
    return Arrays.stream(a).map(row -> Arrays.copyOfRange(row, n, 2 * n)).toArray(double[][]::new);
  }

  private static boolean[][] largest(double[][] t, Sparsity sparsity) {
    int columns = t[0].length;
    boolean[][] kept = new boolean[t.length][columns];
    boolean groups = sparsity instanceof Sparsity.GroupPattern;
    int size = groups ? ((Sparsity.GroupPattern) sparsity).size() : t.length * columns;
    int pruned =
        sparsity instanceof Sparsity.GroupPattern pattern
            ? pattern.pruned()
            : (int) ((Sparsity.Ratio) sparsity).of(size) + 1;
    for (int first = 0; first < t.length * columns; first += size) {
      IntStream.range(first, first + size)
          .boxed()
          .sorted(Comparator.comparingDouble(at -> Math.abs(t[at / columns][at % columns])))
          .skip(pruned)
          .forEach(at -> kept[at / columns][at % columns] = true);
    }
    return kept;
  }

  public static LayerCase layer(int rows, int columns, int group) {
    LayerCase drawn = LayerCase.random(rows, rows, columns, group);
    return new LayerCase(LayerCase.weights(rows, columns, columns), drawn.kept, drawn.gram);
  }

  public static Sparsity sparsity(String amount) {
    return amount.contains(":") ? SparsityParser.pattern(amount) : SparsityParser.ratio(amount);
  }

  @ParameterizedTest
  @CsvSource({"1, 8, 0.5", "7, 61, 0.5", "33, 130, 0.7", "9, 300, 0.2", "5, 64, 2:4", "6, 66, 3:6"})
  void choosesWhatFloat64Chooses(int rows, int columns, String amount) {
    LayerCase layer = layer(rows, columns, 1);
    Chosen expected = expected(layer, sparsity(amount));
    Chosen found = solved(layer, sparsity(amount), 1);
    int different = 0;
    for (int row = 0; row < rows; row++) {
      for (int k = 0; k < columns; k++) {
        boolean dead = layer.gram[k][k] == 0;
        different += !dead && found.kept[row][k] != expected.kept[row][k] ? 1 : 0;
        if (dead || (found.kept[row][k] && expected.kept[row][k])) {
          double size = dead ? 0 : 2e-3 * (1 + Math.abs(expected.values[row][k]));
          assertThat((double) found.values[row][k])
              .as("%d, %d", row, k)
              .isEqualTo(expected.values[row][k], within(size));
        }
      }
    }
    assertThat(different).isLessThanOrEqualTo(rows * columns / 500);
  }

  @Test
  void threadsAndPowersOfTwoChangeNothing() {
    LayerCase layer = layer(40, 130, 5);
    Sparsity half = new Sparsity.Ratio(0.5);
    Chosen one = solved(layer, half, 1);
    Chosen three = solved(layer, half, 3);
    assertThat(three.kept).isDeepEqualTo(one.kept);
    assertThat(three.values).isDeepEqualTo(one.values);
    float[][] large = new float[40][130];
    for (int row = 0; row < 40; row++) {
      for (int k = 0; k < 130; k++) {
        large[row][k] = Math.scalb(layer.weights[row][k], 125);
      }
    }
    Chosen scaled = solved(new LayerCase(large, layer.kept, layer.gram), half, 2);
    assertThat(scaled.kept).isDeepEqualTo(one.kept);
    assertThat(scaled.values[3][2]).isEqualTo(Math.scalb(one.values[3][2], 125));
  }

  @Test
  void momentsWithoutAnInverseAreNoUse() {
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(1);
        Backend backend = Pruning.cpu(1)) {
      float[] triangle = {1, Float.NaN, 1};
      Gram gram = new Gram(2, arena.allocate(3 * Float.BYTES, Float.BYTES));
      gram.triangle().copyFrom(MemorySegment.ofArray(triangle));
      assertThat(Alps.of(backend.operations(), workers, gram)).isEmpty();
    }
  }
}
