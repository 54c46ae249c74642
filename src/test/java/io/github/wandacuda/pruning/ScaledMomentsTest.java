package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.pruning.fit.GramFactor;
import io.github.wandacuda.pruning.fit.LayerCase;
import io.github.wandacuda.pruning.fit.MaskSwaps;
import io.github.wandacuda.pruning.fit.Reconstruction;
import io.github.wandacuda.pruning.fit.SparseGpt;
import io.github.wandacuda.pruning.fit.SquareGram;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.FirstCases;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * More samples of the same kind, or another unit of the inputs, change second moments by a factor.
 * Neither masks nor weights may change by it: not in a bit if it is a power of 4, since then every
 * number that is computed has its own exponent changed and no more.
 */
@Execution(ExecutionMode.CONCURRENT)
class ScaledMomentsTest {
  private static final int COLUMNS = 140;
  private static final int ROWS = 12;

  enum Work {
    SPARSEGPT {
      @Override
      void on(SquareGram gram, Setting setting, WeightMatrix weights, MemorySegment mask) {
        sparseGpt(new Sparsity.Ratio(0.5), setting, weights, mask);
      }
    },
    SPARSEGPT_GROUPS {
      @Override
      void on(SquareGram gram, Setting setting, WeightMatrix weights, MemorySegment mask) {
        sparseGpt(new Sparsity.GroupPattern(2, 4), setting, weights, mask);
      }
    },
    SWAPS {
      @Override
      void on(SquareGram gram, Setting setting, WeightMatrix weights, MemorySegment mask) {
        new MaskSwaps(gram).refine(weights, mask, OptionalInt.empty(), OptionalInt.empty());
      }
    },
    SWAPS_IN_GROUPS {
      @Override
      void on(SquareGram gram, Setting setting, WeightMatrix weights, MemorySegment mask) {
        new MaskSwaps(gram).refine(weights, mask, OptionalInt.of(4), OptionalInt.empty());
      }
    },
    RECONSTRUCTION {
      @Override
      void on(SquareGram gram, Setting setting, WeightMatrix weights, MemorySegment mask) {
        WeightMatrix dense = LayerCase.matrix(setting.layer.weights);
        new Reconstruction(gram).solve(dense, mask, weights);
      }
    };

    abstract void on(SquareGram gram, Setting setting, WeightMatrix weights, MemorySegment mask);
  }

  private record Setting(LayerCase layer, Gram gram, Operations operations, Workers workers) {}

  private static void sparseGpt(
      Sparsity sparsity, Setting setting, WeightMatrix weights, MemorySegment mask) {
    GramFactor factor = GramFactor.of(setting.gram, setting.workers).orElseThrow();
    new SparseGpt(setting.operations, setting.workers, factor).prune(weights, sparsity, mask);
  }

  private record Result(WeightMatrix weights, MemorySegment mask) {}

  /**
   * Draws a layer that has no column without input: SparseGPT's code, and so ours, gives that one a
   * diagonal of 1 whatever the others are, and a mean with it.
   */
  private static LayerCase layer(int seed) {
    double[][] tokens = LayerCase.tokens(2 * COLUMNS, COLUMNS, seed);
    LayerCase other = LayerCase.random(seed, ROWS, COLUMNS, 4);
    return new LayerCase(other.weights, other.kept, tokens);
  }

  private static Result run(Work work, LayerCase layer, float factor) {
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(1)) {
      Operations operations = CpuOperations.checked(new ScalarForward(), workers);
      Gram gram = scaled(layer.packed(arena), factor);
      WeightMatrix weights = LayerCase.matrix(layer.weights);
      MemorySegment mask = layer.mask();
      try (SquareGram square = new SquareGram(operations, workers, gram, new ScalarRows())) {
        work.on(square, new Setting(layer, gram, operations, workers), weights, mask);
      }
      return new Result(weights, mask);
    }
  }

  private static Gram scaled(Gram gram, float factor) {
    float[] triangle = new float[(int) Gram.elements(gram.columns())];
    for (int row = 0, at = 0; row < gram.columns(); row++) {
      for (int column = row; column < gram.columns(); column++) {
        triangle[at++] = gram.get(row, column) * factor;
      }
    }
    return new Gram(gram.columns(), MemorySegment.ofArray(triangle));
  }

  @ParameterizedTest
  @EnumSource
  @FirstCases(1)
  void aPowerOfFourChangesNoBit(Work work) {
    for (int seed = 0; seed < 3; seed++) {
      LayerCase layer = layer(seed);
      Result plain = run(work, layer, 1);
      assertThat(plain.mask.mismatch(layer.mask()) == -1).isEqualTo(work == Work.RECONSTRUCTION);
      for (float factor : new float[] {0x1p-20f, 0x1p-2f, 4, 0x1p16f}) {
        Result scaled = run(work, layer, factor);
        assertThat(scaled.mask.mismatch(plain.mask)).as("factor %s", factor).isEqualTo(-1);
        assertThat(scaled.weights.data().mismatch(plain.weights.data()))
            .as("factor %s", factor)
            .isEqualTo(-1);
      }
    }
  }

  /** Rounding differs then, so a mask may where scores or swaps are as good as equal. */
  @ParameterizedTest
  @EnumSource
  @FirstCases(1)
  void anyOtherFactorChangesLittle(Work work) {
    int rows = 0;
    int same = 0;
    for (int seed = 0; seed < 5; seed++) {
      LayerCase layer = layer(seed);
      Result plain = run(work, layer, 1);
      for (float factor : new float[] {0.0007f, 0.3f, 2, 3000}) {
        Result scaled = run(work, layer, factor);
        boolean[][] expected = layer.unpacked(plain.mask);
        boolean[][] found = layer.unpacked(scaled.mask);
        for (int row = 0; row < ROWS; row++) {
          rows++;
          if (Arrays.equals(found[row], expected[row])) {
            same++;
            assertClose(plain.weights, scaled.weights, row);
          }
        }
      }
    }
    assertThat(same).isGreaterThanOrEqualTo(rows - rows / 50);
  }

  private static void assertClose(WeightMatrix expected, WeightMatrix found, int row) {
    for (int column = 0; column < COLUMNS; column++) {
      assertThat((double) found.get(row, column))
          .isCloseTo(expected.get(row, column), within(2e-3));
    }
  }

  /** One input, seen by every column: a Gram matrix of rank 1, all of whose numbers are equal. */
  @Test
  void columnsThatAreAllEqualAreFittedAsOne() {
    double[][] tokens = new double[5][8];
    for (int token = 0; token < 5; token++) {
      Arrays.fill(tokens[token], token - 1.5);
    }
    float[][] weights = {{1, 2, 3, 4, -5, 6, 7, 8}, {0.5f, 0, -1, 2, 1, 1, 1, 1}};
    boolean[][] kept = {
      {true, false, true, false, true, false, true, false},
      {false, false, false, false, false, true, false, false}
    };
    LayerCase layer = new LayerCase(weights, kept, tokens);
    Result fitted = run(Work.RECONSTRUCTION, layer, 1);
    for (int row = 0; row < 2; row++) {
      float dense = 0;
      float sparse = 0;
      for (int column = 0; column < 8; column++) {
        dense += weights[row][column];
        sparse += kept[row][column] ? fitted.weights.get(row, column) : 0;
      }
      assertThat(sparse).isCloseTo(dense, within(1e-4f));
    }
    Result swapped = run(Work.SWAPS, layer, 1);
    for (int row = 0; row < 2; row++) {
      boolean[] after = layer.unpacked(swapped.mask)[row];
      assertThat(layer.error(row, after)).isLessThanOrEqualTo(layer.error(row, kept[row]));
    }
  }
}
