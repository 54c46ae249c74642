package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.select.SelectionRule;
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

/**
 * What only OpenCL's kernels of selection have: rows that don't fit local memory, which the
 * processors that tests run on have more of, and queues that share a program. Rows lie among bytes
 * that nobody may change.
 */
@Tag("gpu")
class OpenClSelectTest {
  private static final Function<OpenClQueue, GpuSelectKernels> USUAL = OpenClSelectKernels::new;

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
