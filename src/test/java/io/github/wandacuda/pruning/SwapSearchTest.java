package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.fit.LayerCase;
import io.github.wandacuda.pruning.fit.MaskSwaps;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The error that swaps leave beside that of a search of all pairs. */
@Execution(ExecutionMode.CONCURRENT)
class SwapSearchTest {
  @TempDir Path directory;

  /** Errors in float64, summed over rows: before, after swaps, after a search of all pairs. */
  private record Errors(double before, double swapped, double searched) {
    Errors plus(Errors other) {
      return new Errors(before + other.before, swapped + other.swapped, searched + other.searched);
    }
  }

  private static Errors errors(LayerCase layer, OptionalInt group) {
    return layer.on(
        2,
        gram -> {
          MemorySegment mask = layer.mask();
          new MaskSwaps(gram)
              .refine(LayerCase.matrix(layer.weights), mask, group, OptionalInt.empty());
          boolean[][] kept = layer.unpacked(mask);
          Errors sum = new Errors(0, 0, 0);
          for (int row = 0; row < kept.length; row++) {
            double before = layer.error(row, layer.kept[row]);
            double after = layer.error(row, kept[row]);
            assertThat(after).isLessThanOrEqualTo(before);
            FullSearch search =
                new FullSearch(
                    layer.gram, layer.weights[row], layer.kept[row], group.orElse(layer.columns()));
            sum = sum.plus(new Errors(before, after, search.error()));
          }
          return sum;
        });
  }

  /** Returns what Wanda keeps. */
  private static boolean[] wanda(float[] weights, float[][] gram, int pruned, int group) {
    boolean[] kept = new boolean[weights.length];
    Arrays.fill(kept, true);
    for (int first = 0; first < kept.length; first += group) {
      IntStream.range(first, first + group)
          .boxed()
          .sorted(Comparator.comparingDouble(k -> Math.abs(weights[k]) * Math.sqrt(gram[k][k])))
          .limit(pruned)
          .forEach(k -> kept[k] = false);
    }
    return kept;
  }

  /** Returns tokens whose columns share few directions, as those of a model's first blocks do. */
  private static double[][] tokens(int count, int columns, double decay) {
    Random random = new Random(5);
    double[][] mixed = new double[columns][columns];
    for (double[] column : mixed) {
      double scale = Math.exp(random.nextGaussian() / 2);
      Arrays.setAll(column, k -> scale * random.nextGaussian() * Math.pow(k + 1, -decay));
    }
    double[][] tokens = new double[count][columns];
    for (double[] token : tokens) {
      double[] drawn = random.doubles(columns, -1, 1).toArray();
      Arrays.setAll(
          token, c -> IntStream.range(0, columns).mapToDouble(k -> mixed[c][k] * drawn[k]).sum());
    }
    return tokens;
  }

  private static LayerCase correlated(int rows, int tokens, double decay, double share) {
    int columns = 160;
    Random random = new Random(9);
    float[][] weights = new float[rows][columns];
    for (float[] row : weights) {
      for (int k = 0; k < columns; k++) {
        row[k] = (float) random.nextGaussian();
      }
    }
    boolean[][] kept = new boolean[rows][];
    LayerCase layer = new LayerCase(weights, kept, tokens(tokens, columns, decay));
    for (int row = 0; row < rows; row++) {
      kept[row] = wanda(weights[row], layer.gram, (int) (share * columns), columns);
    }
    return layer;
  }

  /** Eight candidates a side left up to 1.6 times as much. */
  @ParameterizedTest
  @CsvSource({"320, 0.3", "320, 0.7", "320, 1.2", "40, 0.5", "4, 0.3"})
  @Thorough
  void noMoreIsLeftThanByASearchOfAllPairs(int tokens, double decay) {
    for (double share : new double[] {0.5, 0.7, 0.9}) {
      Errors errors = errors(correlated(40, tokens, decay, share), OptionalInt.empty());
      assertThat(errors.swapped)
          .as("at %s", share)
          .isLessThan(1.01 * errors.searched)
          .isLessThan(errors.before);
    }
  }

  /** All but nothing is left of the error, less than float32 products tell. */
  @ParameterizedTest
  @ValueSource(doubles = {0.5, 0.7, 0.9})
  void oneTokenLeavesWhatASearchInFloat64Does(double share) {
    Errors errors = errors(correlated(40, 1, 0.3, share), OptionalInt.empty());
    assertThat(errors.swapped).isLessThan(1e-4 * errors.before);
    assertThat(errors.swapped).isLessThan(1.01 * errors.searched);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "mistral", "opt", "qwen2_moe"})
  @Thorough
  void modelsAreAsASearchOfAllPairsLeavesThem(String fixture) {
    Path folder = TestData.fixture(fixture);
    boolean bundled = fixture.isEmpty();
    Path tokens =
        bundled ? TestData.GOLDEN.resolve("calibration.json") : folder.resolve("tokens.json");
    Path file = directory.resolve("statistics");
    try (CpuDecoder cpu =
            CpuDecoder.open(bundled ? TestData.TINY_LLAMA : folder.resolve("model"), 2);
        Arena arena = Arena.ofShared()) {
      List<int[]> samples = TestData.tokens(tokens).stream().limit(8).toList();
      MomentsCalibration calibration = cpu.moments(samples);
      AtomicWrite.replace(file, calibration);
      try (GramFile grams = GramFile.open(file)) {
        for (String amount : List.of("0.5", "0.7", "2:4")) {
          Errors sum = new Errors(0, 0, 0);
          for (LinearModule module : cpu.model().modules()) {
            float[] norms = calibration.statistics().norms().get(module.name());
            Gram gram = grams.read(module.name(), norms, arena);
            sum = sum.plus(errors(rowsOf(module, gram, amount, bundled ? 16 : 1), group(amount)));
          }
          assertThat(sum.swapped)
              .as(amount)
              .isLessThan(1.01 * sum.searched)
              .isLessThan(0.9 * sum.before);
        }
      }
    }
  }

  private static OptionalInt group(String amount) {
    return amount.equals("2:4") ? OptionalInt.of(4) : OptionalInt.empty();
  }

  /** Returns every so many-th row of a module, pruned by Wanda. */
  private static LayerCase rowsOf(LinearModule module, Gram moments, String amount, int each) {
    MemorySegment bytes = Arena.ofAuto().allocate(module.tensor().bytes(), Long.BYTES);
    module.shard().read(module.tensor(), 0, bytes);
    WeightMatrix matrix = module.view(bytes);
    int columns = module.columns();
    float[][] gram = new float[columns][columns];
    float[][] weights = new float[Math.ceilDiv(matrix.rows(), each)][columns];
    for (int i = 0; i < columns; i++) {
      for (int k = 0; k < columns; k++) {
        gram[i][k] = moments.get(i, k);
      }
    }
    boolean[][] kept = new boolean[weights.length][];
    int group = group(amount).orElse(columns);
    int pruned = amount.equals("2:4") ? 2 : (int) (columns * Double.parseDouble(amount));
    for (int row = 0; row < weights.length; row++) {
      for (int k = 0; k < columns; k++) {
        weights[row][k] = matrix.get(each * row, k);
      }
      kept[row] = wanda(weights[row], gram, pruned, group);
    }
    return new LayerCase(weights, kept, gram);
  }

  /** Swaps of the best of all pairs of a row until none gains, in float64 and nothing but that. */
  private static final class FullSearch {
    private final float[][] gram;
    private final float[] weights;
    private final boolean[] kept;
    private final int group;
    private final double[] products;
    private double error;

    FullSearch(float[][] gram, float[] weights, boolean[] kept, int group) {
      this.gram = gram;
      this.weights = weights;
      this.kept = kept.clone();
      this.group = group;
      products = new double[weights.length];
      for (int k = 0; k < weights.length; k++) {
        for (int j = 0; j < weights.length; j++) {
          products[k] += kept[j] ? 0 : (double) weights[j] * gram[j][k];
        }
        error += kept[k] ? 0 : weights[k] * products[k];
      }
    }

    /** Returns the error that is left. */
    double error() {
      while (swapBest()) {
        // Each swap changes what all others would gain.
      }
      return error;
    }

    private boolean swapBest() {
      double best = -1e-6 * error;
      int prune = -1;
      int restore = -1;
      for (int i = 0; i < weights.length; i++) {
        for (int j = i - i % group; kept[i] && j < i - i % group + group; j++) {
          double change = change(i, j);
          if (!kept[j] && gram[j][j] > 0 && change < best) {
            best = change;
            prune = i;
            restore = j;
          }
        }
      }
      if (prune < 0) {
        return false;
      }
      kept[prune] = false;
      kept[restore] = true;
      error += best;
      for (int k = 0; k < weights.length; k++) {
        products[k] += (double) weights[prune] * gram[prune][k];
        products[k] -= (double) weights[restore] * gram[restore][k];
      }
      return true;
    }

    private double change(int i, int j) {
      double first = weights[i];
      double second = weights[j];
      return 2 * first * products[i]
          + first * first * gram[i][i]
          - 2 * second * products[j]
          + second * second * gram[j][j]
          - 2 * first * second * gram[i][j];
    }
  }
}
