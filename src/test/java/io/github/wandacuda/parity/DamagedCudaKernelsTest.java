package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.SelectCase;
import io.github.wandacuda.testing.selection.SmallMatrices;
import io.github.wandacuda.testing.selection.Values;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The kernels do the work, and the small matrices see what they are there for: with a fault in a
 * kernel's order, ties or tail a result is another one.
 */
@Tag("gpu")
@Tag("pretend")
@Thorough
class DamagedCudaKernelsTest {
  private static final int MOST = 2000;
  private static final int ROWS = 50;
  private static final int COLUMNS = 4096;

  /** Work that throws an {@link AssertionError} if a selector is wrong. */
  private interface Check {
    void of(Selector selector);
  }

  @ParameterizedTest
  @CsvSource({"3, 8", "0, 4"})
  void soundKernelsAreRight(int first, int step) {
    select(
        selector -> new SmallMatrices(1).check("cuda", selector, first, first + 10 * step, step));
  }

  /**
   * Damages a kernel.
   *
   * @param first the number of the first of the small matrices that are pruned by this kernel
   * @param step from one to the next
   */
  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        // A comparison turned round, a tie lost or broken the other way.
        "3 => 8 => select_rows => radix_select.cuh => other.key < mine.key => other.key > mine.key",
        "3 => 8 => select_rows => radix_select.cuh => other.column < mine.column => other.column >"
            + " mine.column",
        "127 => 256 => select_rows_long => select_rows.cuh => j < ties ? 1u : 0u => j + 1u < ties ?"
            + " 1u : 0u",
        "10 => 120 => select_groups => select_groups.cu => keys[j] < keys[i] => keys[j] > keys[i]",
        "10 => 120 => select_groups => select_groups.cu => keys[j] < keys[i] => keys[j] <= keys[i]",
        "1 => 4 => select_groups => select_groups.cu => second[HALF - 1u - i] => second[i]",
        "0 => 4 => select_groups => select_groups.cu => equal ^= 0x80000000u >>"
            + " __clz(static_cast<int>(equal)) => equal &= equal - 1u",
        "1 => 4 => select_groups => select_groups.cu => bits | __shfl_xor_sync(ALL_LANES, bits, 1)"
            + " << 4 => bits | bits << 4",
        "26 => 120 => select_groups => select_groups.cu => other < keys[i] + wins => other <"
            + " keys[i]",
        "1 => 4 => select_groups => select_groups.cu => wins = threadIdx.x % 2u => wins = 0u",
        "30 => 60 => select_groups_small => select_groups_small.cu => key < keys[chunk] => key >"
            + " keys[chunk]",
        "30 => 60 => select_groups_small => select_groups_small.cu => other < member ? 1u : 0u =>"
            + " 0u",
        "62 => 128 => select_groups_large => select_groups_large.cu => (column < threshold.column ?"
            + " 1u : 0u) => 0u",
        "7 => 8 => select_threshold => select_threshold.cu => <= threshold => >= threshold",
        "7 => 8 => select_threshold => select_threshold.cu => <= threshold => < threshold",
        // A tail shifted or lost.
        "3 => 8 => select_rows => row_vectors.cuh => (1u << (columns - column)) - 1u => (1u <<"
            + " (columns - column - 1u)) - 1u",
        "127 => 256 => select_rows_long => select_rows_long.cu => storeVector<T>(stage, column,"
            + " place.columns, words) => storeVector<T>(stage, column, place.columns - 1u, words)",
        "0 => 4 => select_groups => row_vectors.cuh => T::put(words, j, row[column + j]) =>"
            + " T::put(words, j, row[column])",
        "30 => 60 => select_groups_small => select_groups_small.cu => addToMask(mask, start, kept)"
            + " => addToMask(mask, start + size, kept)",
        "62 => 128 => select_groups_large => select_groups_large.cu => addToMask(mask, start +"
            + " column, kept) => addToMask(mask, start + column + 1u, kept)",
        "7 => 8 => select_threshold => row_stream.cuh => columnBits<T>(column, columns) & ~kept =>"
            + " ~kept & 0xfu",
      })
  void aFaultIsSeen(int first, int step, String kernel, String file, String sound, String damaged)
      throws Exception {
    notices(
        selector -> new SmallMatrices(1).check("cuda", selector, first, MOST, step),
        kernel,
        file,
        sound,
        damaged);
  }

  @Test
  void soundGuessesAreRight() {
    select(DamagedCudaKernelsTest::checkManyRows);
  }

  /** Damages the search for a row's threshold around that of the row before. */
  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "if (lower >= rank) => if (lower > rank)",
        "threshold = guess.threshold; => threshold = guess.threshold; threshold.key = 0u;",
        "(values, 0u, row.size(), rank, count) + 1u => (values, 0u, row.size(), rank, count)",
        "unsigned left = rank - counted.below => unsigned left = rank - counted.below + 1u",
        "return {all >> 16, all & 0xffffu} => return {(all >> 16) + 1u, all & 0xffffu}",
      })
  void aFaultyGuessIsSeen(String sound, String damaged) throws Exception {
    notices(
        DamagedCudaKernelsTest::checkManyRows, "select_rows", "window_select.cuh", sound, damaged);
  }

  /** What the histogram searches loses one more here, so that its rows can be counted. */
  @ParameterizedTest
  @CsvSource({
    "select_rows, 'place, count, highest', 'place, count + 1u, highest', 4096",
    "select_rows_long, 'static_cast<unsigned>(count), highest', 'count + 1u, highest', 28672"
  })
  void fewFirstRowsNeedTheHistogram(String kernel, String sound, String damaged, int columns)
      throws Exception {
    try (AutoCloseable kernels = PretendCuda.damaged(kernel, kernel + ".cu", sound, damaged)) {
      PretendCuda.start().multiprocessors(132);
      try (Backend backend = Backends.open("cuda", 0, 1).backend()) {
        RandomGenerator random = new SplittableRandom(2);
        for (double share : new double[] {0.1, 0.5, 0.8}) {
          int[][] bits = Values.GAUSSIAN.matrix(random, DType.BF16, ROWS, columns);
          WeightMatrix rows =
              PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.BF16, ROWS, columns)
                  .filled(bits)
                  .view();
          int count = (int) (share * columns);
          float[] norms = Norms.LOGNORMAL.vector(random, columns);
          try (SelectionPlan plan =
              backend.selector().prepare(DType.BF16, columns, norms, new LowestPerRow(count))) {
            assertThat(plan.select(rows, rows, null).pruned() - (long) ROWS * count)
                .as("%s of %d columns", share, columns)
                .isLessThan(ROWS / 5);
          }
        }
      }
    }
  }

  private static void notices(Check check, String kernel, String file, String sound, String damaged)
      throws Exception {
    try (AutoCloseable kernels = PretendCuda.damaged(kernel, file, sound, damaged)) {
      assertThatThrownBy(() -> select(check)).isInstanceOf(AssertionError.class);
    }
  }

  private static void select(Check check) {
    PretendCuda.start();
    try (Backend backend = Backends.open("cuda", 0, 1).backend()) {
      check.of(backend.selector());
    }
  }

  /** Checks matrices of so many rows that a block takes several, each guessed from another. */
  private static void checkManyRows(Selector selector) {
    RandomGenerator random = new SplittableRandom(1);
    for (Values values : Values.values()) {
      int[][] bits = values.matrix(random, DType.F16, ROWS, COLUMNS);
      SelectionRule rule = new LowestPerRow(random.nextInt(COLUMNS));
      // Without norms some weights of a row have the same score.
      for (Norms norms : List.of(Norms.LOGNORMAL, Norms.NONE)) {
        new SelectCase(DType.F16, bits, COLUMNS, norms.vector(random, COLUMNS), rule)
            .check("cuda", selector, PlacedMatrix.Layout.DENSE, PlacedMatrix.Layout.DENSE);
      }
    }
  }
}
