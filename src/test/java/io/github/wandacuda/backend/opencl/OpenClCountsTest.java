package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Reports of rows and distributions of magnitudes. */
@Tag("gpu")
class OpenClCountsTest {
  /** What {@link Arrays#mismatch} returns for equal arrays. */
  private static final int SAME = -1;

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
  void theLowestColumnThatIsNotFiniteIsReported(DType dtype) {
    RandomGenerator random = new SplittableRandom(1);
    for (SelectionRule rule :
        new SelectionRule[] {
          new LowestPerRow(20),
          new LowestPerGroup(2, 4),
          new LowestPerGroup(3, 5),
          new LowestPerGroup(30, 40),
          new AtMost(0.01f)
        }) {
      int[][] bits = RowValues.ANY.matrix(random, dtype, 6, 120);
      int[] first = {70, GpuSelectKernels.NONE, 0, 119, GpuSelectKernels.NONE, 33};
      for (int r = 0; r < bits.length; r++) {
        if (first[r] >= 0) {
          bits[r][first[r]] = RowValues.infinity(dtype) + r % 2;
          bits[r][119] = RowValues.infinity(dtype);
        }
      }
      assertThat(nonFinite(dtype, bits, rule)).as(rule.toString()).isEqualTo(first);
      assertThat(nonFinite(dtype, bits, null)).as("inspected").isEqualTo(first);
    }
  }

  /** Returns what is reported when rows are pruned, or inspected where there is no rule. */
  private static int[] nonFinite(DType dtype, int[][] bits, SelectionRule rule) {
    try (Arena arena = Arena.ofConfined();
        OpenClQueue queue = device.queue();
        GuardedRows rows = new GuardedRows(device, queue, dtype, bits, 0);
        DeviceBuffer norms = device.allocate((long) bits[0].length * Float.BYTES);
        DeviceBuffer report = device.allocate((long) bits.length * 3 * Integer.BYTES)) {
      float[] ones = new float[bits[0].length];
      Arrays.fill(ones, 1);
      queue.upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, ones), norms.at(0));
      if (rule == null) {
        queue.pruning().inspect(rows.matrix(), report.at(0));
      } else {
        queue.pruning().select(rows.matrix(), norms.at(0), rule, rows.matrix(), null, report.at(0));
      }
      int[] all =
          GuardedRows.readInts(queue, report.at(0), bits.length * GpuSelectKernels.REPORT_INTS);
      int[] columns = new int[bits.length];
      for (int r = 0; r < columns.length; r++) {
        columns[r] = all[r * GpuSelectKernels.REPORT_INTS + GpuSelectKernels.NON_FINITE];
      }
      return columns;
    }
  }

  @ParameterizedTest
  @EnumSource
  void zerosAreReported(DType dtype) {
    int[][] bits = RowValues.ZEROS.matrix(new SplittableRandom(2), dtype, 5, 1003);
    int[] expected = new int[bits.length * GpuSelectKernels.REPORT_INTS];
    for (int r = 0; r < bits.length; r++) {
      for (int element : bits[r]) {
        expected[r * 3 + GpuSelectKernels.ZEROS] += magnitude(dtype, element) == 0 ? 1 : 0;
      }
      expected[r * 3 + GpuSelectKernels.NON_FINITE] = GpuSelectKernels.NONE;
    }
    try (OpenClQueue queue = device.queue();
        GuardedRows rows = new GuardedRows(device, queue, dtype, bits, 2);
        DeviceBuffer report = device.allocate((long) expected.length * Integer.BYTES)) {
      queue.pruning().inspect(rows.matrix(), report.at(0));
      assertThat(GuardedRows.readInts(queue, report.at(0), expected.length)).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource
  void magnitudesAreCounted(DType dtype) {
    RandomGenerator random = new SplittableRandom(3);
    for (RowValues values : RowValues.values()) {
      int[][] bits = values.matrix(random, dtype, 37, 1 + random.nextInt(900));
      bits[3][0] = RowValues.infinity(dtype);
      int upper = magnitude(dtype, bits[36][0]) >>> 16;
      int[] uppers = new int[Selector.UPPER_BINS];
      int[] lowers = new int[Selector.LOWER_BINS];
      Arrays.fill(uppers, 7);
      Arrays.fill(lowers, 7);
      for (int[] row : bits) {
        for (int element : row) {
          int magnitude = magnitude(dtype, element);
          uppers[magnitude >>> 16]++;
          lowers[magnitude & 0xffff] += magnitude >>> 16 == upper ? 1 : 0;
        }
      }
      assertThat(Arrays.mismatch(counted(dtype, bits, -1), uppers))
          .as(values.name())
          .isEqualTo(SAME);
      assertThat(Arrays.mismatch(counted(dtype, bits, upper), lowers))
          .as(values.name())
          .isEqualTo(SAME);
    }
  }

  /** Returns counts of upper bits, or of the lower ones of a bin, added to 7 in each bin. */
  private static int[] counted(DType dtype, int[][] bits, int upper) {
    int[] sevens = new int[upper < 0 ? Selector.UPPER_BINS : Selector.LOWER_BINS];
    Arrays.fill(sevens, 7);
    try (Arena arena = Arena.ofConfined();
        OpenClQueue queue = device.queue();
        GuardedRows rows = new GuardedRows(device, queue, dtype, bits, 1);
        DeviceBuffer counts = device.allocate((long) sevens.length * Integer.BYTES)) {
      queue.upload(arena.allocateFrom(ValueLayout.JAVA_INT, sevens), counts.at(0));
      if (upper < 0) {
        queue.pruning().countUpper(rows.matrix(), counts.at(0));
      } else {
        queue.pruning().countLower(rows.matrix(), upper, counts.at(0));
      }
      return GuardedRows.readInts(queue, counts.at(0), sevens.length);
    }
  }

  private static int magnitude(DType dtype, int bits) {
    float value =
        switch (dtype) {
          case F32 -> Float.intBitsToFloat(bits);
          case BF16 -> Float.intBitsToFloat(bits << 16);
          case F16 -> Float.float16ToFloat((short) bits);
        };
    return Float.floatToRawIntBits(value) & Integer.MAX_VALUE;
  }
}
