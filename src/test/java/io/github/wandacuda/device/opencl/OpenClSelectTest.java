package io.github.wandacuda.device.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.device.GpuSelectKernels;
import io.github.wandacuda.device.opencl.driver.AnyOpenCl;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels do what the scalar specification does, to the bit. */
@Tag("gpu")
class OpenClSelectTest {
  private static final Function<OpenClQueue, GpuSelectKernels> USUAL = OpenClSelectKernels::new;

  /**
   * Columns that work-groups of the smallest size are enough for: PoCL compiles for each size anew.
   */
  private static final int NARROW_COLUMNS = 256;

  /** As if no row fitted in local memory. */
  private static final Function<OpenClQueue, GpuSelectKernels> REREADING =
      queue -> new OpenClSelectKernels(queue, 0);

  private static OpenClDevice device;

  @BeforeAll
  static void open() {
    device = AnyOpenCl.open();
  }

  @AfterAll
  static void close() {
    if (device != null) {
      device.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void theLowestOfNarrowRowsGo(DType dtype) {
    RandomGenerator random = new SplittableRandom(1);
    for (int columns = 1; columns <= 70; columns++) {
      RowValues values = RowValues.values()[columns % RowValues.values().length];
      for (int count : new int[] {0, 1, random.nextInt(columns + 1), columns - 1, columns}) {
        check(dtype, values, random, 3, columns, new LowestPerRow(count), USUAL);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void theLowestOfEveryKindOfRowGo(DType dtype) {
    RandomGenerator random = new SplittableRandom(2);
    for (RowValues values : RowValues.values()) {
      for (int i = 0; i < 8; i++) {
        int columns = 2000 + random.nextInt(2000);
        int count = random.nextInt(columns + 1);
        check(dtype, values, random, 4, columns, new LowestPerRow(count), USUAL);
        check(dtype, values, random, 4, columns, new LowestPerRow(count), REREADING);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4097, 11008, 100_003})
  void wideRowsAreSearchedExactly(int columns) {
    RandomGenerator random = new SplittableRandom(columns);
    for (DType dtype : DType.values()) {
      for (RowValues values : new RowValues[] {RowValues.GAUSSIAN, RowValues.TIED}) {
        check(dtype, values, random, 2, columns, new LowestPerRow(columns / 2), USUAL);
        check(dtype, values, random, 2, columns, new LowestPerRow(columns / 3), REREADING);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
        27, 28, 29, 30, 31, 32, 33, 64, 255
      })
  void theLowestOfEachGroupGo(int size) {
    RandomGenerator random = new SplittableRandom(size);
    DType dtype = DType.values()[size % DType.values().length];
    for (RowValues values : RowValues.values()) {
      for (int i = 0; i < 4; i++) {
        int groups = 1 + random.nextInt(NARROW_COLUMNS / size);
        SelectionRule rule = new LowestPerGroup(1 + random.nextInt(size - 1), size);
        check(dtype, values, random, 3, groups * size, rule, USUAL);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void usualPatternsHoldForEveryType(DType dtype) {
    RandomGenerator random = new SplittableRandom(4);
    for (int size : new int[] {2, 4, 8, 16, 32}) {
      SelectionRule rule = new LowestPerGroup(size / 2, size);
      check(dtype, RowValues.TIED, random, 5, 31 * size, rule, USUAL);
      check(dtype, RowValues.GAUSSIAN, random, 2, 4096, rule, USUAL);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsNotAboveTheThresholdGoes(DType dtype) {
    RandomGenerator random = new SplittableRandom(5);
    for (RowValues values : RowValues.values()) {
      for (float threshold :
          new float[] {-1, -0.0f, 0, Float.MIN_VALUE, 0.25f, 0.01f, Float.MAX_VALUE}) {
        int columns = 1 + random.nextInt(300);
        check(dtype, values, random, 4, columns, new AtMost(threshold), USUAL);
      }
    }
    int[][] bits = RowValues.GAUSSIAN.matrix(random, dtype, 2, 5000);
    float[] norms = RowValues.GAUSSIAN.norms(random, 5000);
    int magnitude = bits[1][77] & Integer.MAX_VALUE;
    float exact = dtype == DType.F32 ? Float.intBitsToFloat(magnitude) * norms[77] : 0.02f;
    check(new SelectionCase(dtype, bits, norms, new AtMost(exact)), USUAL);
  }

  @Test
  void manyRowsAreManyGroups() {
    RandomGenerator random = new SplittableRandom(6);
    check(DType.BF16, RowValues.GAUSSIAN, random, 3000, 40, new LowestPerRow(20), USUAL);
    check(DType.F16, RowValues.GAUSSIAN, random, 3000, 40, new LowestPerGroup(2, 4), USUAL);
  }

  @Test
  void queuesOfSeveralThreadsShareAKernel() {
    List<String> differences =
        IntStream.range(0, 12)
            .parallel()
            .mapToObj(
                i -> {
                  RandomGenerator random = new SplittableRandom(i);
                  int[][] bits = RowValues.GAUSSIAN.matrix(random, DType.F32, 20, 64);
                  float[] norms = RowValues.GAUSSIAN.norms(random, 64);
                  return new SelectionCase(DType.F32, bits, norms, new LowestPerRow(5 * i))
                      .difference(device, USUAL);
                })
            .toList();
    assertThat(differences).containsOnly("");
  }

  private static void check(
      DType dtype,
      RowValues values,
      RandomGenerator random,
      int rows,
      int columns,
      SelectionRule rule,
      Function<OpenClQueue, GpuSelectKernels> kernels) {
    int[][] bits = values.matrix(random, dtype, rows, columns);
    check(new SelectionCase(dtype, bits, values.norms(random, columns), rule), kernels);
  }

  private static void check(
      SelectionCase selection, Function<OpenClQueue, GpuSelectKernels> kernels) {
    assertThat(selection.difference(device, kernels))
        .as(
            "%s, %d columns, %s"
                .formatted(selection.dtype(), selection.norms().length, selection.rule()))
        .isEmpty();
  }
}
