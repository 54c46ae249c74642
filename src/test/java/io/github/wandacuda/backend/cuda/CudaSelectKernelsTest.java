package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.PretendCuda.Order;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.Values;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The launches of CUDA's kernels of selection: each size has its kernel, which is proven to have
 * run, in any order of threads, and to have written nothing between the rows. What is selected of
 * which values is for the tests of the operations.
 */
@Tag("gpu")
@Tag("pretend")
class CudaSelectKernelsTest {
  private final RandomGenerator random = new SplittableRandom(7);
  private PretendCuda driver;
  private CudaDevice device;
  private KernelRun run;

  @BeforeEach
  void open() {
    driver = PretendCuda.start();
    device = CudaDevice.open(0, Precision.DEFAULT);
    run = new KernelRun(device);
  }

  @AfterEach
  void close() {
    if (device != null) {
      device.close();
      assertThat(driver.outstanding()).isEmpty();
    }
  }

  private void check(String kernel, DType dtype, int rows, int columns, SelectionRule rule) {
    for (Order order : Order.values()) {
      Values values = Values.values()[random.nextInt(Values.values().length)];
      Norms kind = Norms.values()[random.nextInt(Norms.values().length)];
      checkOnce(kernel, order, values, kind, dtype, rows, columns, rule);
    }
  }

  private void checkOnce(
      String kernel,
      Order order,
      Values values,
      Norms kind,
      DType dtype,
      int rows,
      int columns,
      SelectionRule rule) {
    int[][] bits = values.matrix(random, dtype, rows, columns);
    if (random.nextInt(3) == 0) {
      int[] row = bits[random.nextInt(rows)];
      row[random.nextInt(columns)] = Values.infinity(dtype);
      row[random.nextInt(columns)] = Values.infinity(dtype) + 1 | Values.sign(dtype);
    }
    PaddedMatrix matrix = PaddedMatrix.of(dtype, bits, columns, random.nextInt(3));
    float[] norms = norms(kind, columns);
    driver.order(order, random.nextLong());
    String name = CudaFunction.name(kernel, dtype);
    long before = driver.launches(name);
    KernelRun.Outcome outcome =
        run.select(matrix, norms, rule, random.nextBoolean(), random.nextInt(4) > 0);
    String about = name + " " + values + " " + kind + " " + rule + " " + columns + " " + order;
    assertThat(driver.launches(name)).as(about).isEqualTo(before + 1);
    ScalarReference.check(about, matrix, norms, rule, outcome);
  }

  private float[] norms(Norms kind, int columns) {
    float[] norms = kind.vector(random, columns);
    if (norms == null) {
      norms = new float[columns];
      Arrays.fill(norms, 1);
    }
    for (int c = 0; c < columns; c++) {
      norms[c] += 0.0f; // -0.0 becomes +0.0
    }
    return norms;
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void selectsInNarrowRows(DType dtype) {
    for (int columns = 1; columns <= 70; columns++) {
      int count = random.nextInt(columns + 1);
      check("select_rows_16", dtype, 3, columns, new LowestPerRow(count));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F32, 4095, select_rows_16", "F16, 4096, select_rows_16", "BF16, 4097, select_rows_16",
    "F32, 7168, select_rows_16", "F32, 7169, select_rows_long", "F16, 8192, select_rows_16",
    "BF16, 8193, select_rows_32", "F16, 11008, select_rows_32", "BF16, 14336, select_rows_32",
    "F16, 14337, select_rows_long", "F32, 16385, select_rows_long"
  })
  void selectsInRowsOfASize(DType dtype, int columns, String kernel) {
    check(kernel, dtype, 2, columns, new LowestPerRow(columns / 2));
    check(kernel, dtype, 1, columns, new LowestPerRow(1 + random.nextInt(columns - 1)));
  }

  @ParameterizedTest
  @CsvSource({"F16, 70000, 1", "F32, 100003, 0", "BF16, 100003, 0", "F16, 300000, 0"})
  void selectsInRowsThatDontFitRegisters(DType dtype, int columns, int staged) {
    CudaSelectRows search = CudaSelectRows.of(dtype, columns, device);
    assertThat(search.stagedBytes() > 0 ? 1 : 0).isEqualTo(staged);
    LowestPerRow rule = new LowestPerRow(columns / 2);
    String kernel = "select_rows_long";
    Norms norms = Norms.LOGNORMAL;
    checkOnce(kernel, Order.REVERSE, Values.GAUSSIAN, norms, dtype, 1, columns, rule);
    checkOnce(kernel, Order.SHUFFLED, Values.CONSTANT, Norms.NONE, dtype, 1, columns, rule);
  }

  /** More rows than blocks run at a time: 16 of 256 threads on the pretended device. */
  @ParameterizedTest
  @EnumSource(DType.class)
  void guessesRowsFromThoseBefore(DType dtype) {
    for (Values values : Values.values()) {
      LowestPerRow rule = new LowestPerRow(1 + random.nextInt(4095));
      Norms norms = Norms.values()[random.nextInt(Norms.values().length)];
      checkOnce("select_rows_16", Order.SHUFFLED, values, norms, dtype, 50, 4096, rule);
    }
  }

  /**
   * Rows whose block comes to 48 KiB of shared memory with the kernel's own variables, which are
   * more than what any block may have; and those that come to all that a device has, after which
   * they are read again.
   */
  @ParameterizedTest
  @CsvSource({
    "80, F32, 9676, 9736, true", "80, F16, 19360, 19465, true",
    "80, BF16, 19360, 19465, true", "75, F32, 13772, 13780, true",
    "75, F32, 13781, 13790, false", "75, BF16, 27552, 27560, true",
    "75, BF16, 27561, 27570, false", "89, F32, 22734, 22740, true",
    "80, F32, 39121, 39124, true", "80, F32, 39125, 39126, false",
    "90, F16, 111016, 111016, true", "90, F16, 111017, 111017, false"
  })
  void selectsInRowsAroundALimitOfSharedMemory(
      int capability, DType dtype, int from, int to, boolean staged) {
    driver.capability(capability);
    CudaDevice limited = CudaDevice.open(0, Precision.DEFAULT);
    run = new KernelRun(limited);
    for (int columns = from; columns <= to; columns++) {
      CudaSelectRows choice = CudaSelectRows.of(dtype, columns, limited);
      assertThat(choice.stagedBytes() > 0).as("%d columns", columns).isEqualTo(staged);
      LowestPerRow rule = new LowestPerRow(columns / 2);
      String kernel = "select_rows_long";
      checkOnce(kernel, Order.FORWARD, Values.GAUSSIAN, Norms.LOGNORMAL, dtype, 1, columns, rule);
    }
    limited.close();
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void selectsInGroupsOfAnySize(DType dtype) {
    for (int size = 2; size <= 33; size++) {
      String kernel =
          switch (size) {
            case 4, 8 -> "select_groups_" + size;
            case 33 -> "select_groups_large";
            default -> "select_groups_small";
          };
      int pruned = 1 + random.nextInt(size - 1);
      for (int groups : new int[] {1, 5, 1 + 2000 / size}) {
        check(kernel, dtype, 3, groups * size, new LowestPerGroup(pruned, size));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 500, 3000})
  void selectsInLargeGroups(int size) {
    for (DType dtype : DType.values()) {
      check("select_groups_large", dtype, 2, 3 * size, new LowestPerGroup(size / 2, size));
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void selectsUpToAThreshold(DType dtype) {
    for (int columns : new int[] {1, 31, 70, 2049}) {
      check("select_threshold", dtype, 2, columns, new AtMost(0.25f));
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void countsAndInspects(DType dtype) {
    for (Values values : Values.values()) {
      int columns = 1 + random.nextInt(3000);
      int[][] bits = values.matrix(random, dtype, 1 + random.nextInt(6), columns);
      bits[0][random.nextInt(columns)] = Values.infinity(dtype) | Values.sign(dtype);
      PaddedMatrix matrix = PaddedMatrix.of(dtype, bits, columns, random.nextInt(3));
      float some = matrix.row(matrix.rows() - 1).get(0, random.nextInt(columns));
      int bin = (Float.floatToRawIntBits(some) & 0x7fff_ffff) >>> 16;
      int[] upper = random.ints(Selector.UPPER_BINS, 0, 9).toArray();
      int[] lower = random.ints(Selector.LOWER_BINS, 0, 9).toArray();
      int[] upperCounts = run.countUpper(matrix, upper);
      int[] lowerCounts = run.countLower(matrix, bin, lower);
      ScalarReference.count(matrix, upper, lower, bin);
      assertThat(upperCounts).as(dtype + " " + values).isEqualTo(upper);
      assertThat(lowerCounts).as(dtype + " " + values).isEqualTo(lower);
      int[] reports = run.inspect(matrix);
      for (int r = 0; r < matrix.rows(); r++) {
        assertThat(ScalarReference.report(reports, r))
            .as(dtype + " " + values + ", row " + r)
            .isEqualTo(ScalarReference.inspect(matrix, r));
      }
    }
    assertThat(driver.launches(CudaFunction.name("count_upper", dtype))).isPositive();
    assertThat(driver.launches(CudaFunction.name("count_lower", dtype))).isPositive();
    assertThat(driver.launches(CudaFunction.name("inspect_rows", dtype))).isPositive();
  }

  @Test
  void takesMoreRowsThanAGridIsHigh() {
    int[][] bits = Values.GAUSSIAN.matrix(random, DType.F16, 70_000, 4);
    PaddedMatrix matrix = PaddedMatrix.of(DType.F16, bits, 4, 0);
    float[] norms = {1, 2, 3, 4};
    KernelRun.Outcome outcome = run.select(matrix, norms, new LowestPerGroup(2, 4), true, true);
    for (int row : new int[] {0, 65_535, 65_536, 69_999}) {
      assertThat(Integer.bitCount(outcome.mask()[row])).isEqualTo(2);
    }
    assertThat(Arrays.stream(outcome.mask()).map(Integer::bitCount).sum()).isEqualTo(140_000);
  }

  @Test
  void refusesRowsThatAreNotAligned() {
    CudaQueue queue = device.queue();
    CudaBuffer buffer = device.allocate(4096);
    DeviceRows odd = new DeviceRows(buffer.at(0), DType.F16, 2, 9, 9);
    DeviceRows even = new DeviceRows(buffer.at(0), DType.F16, 2, 9, 16);
    DeviceRows moved = new DeviceRows(buffer.at(2), DType.F16, 2, 9, 16);
    AtMost rule = new AtMost(0);
    CudaSelectKernels kernels = queue.pruning();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> kernels.select(odd, buffer.at(0), rule, even, null, buffer.at(0)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> kernels.select(even, buffer.at(0), rule, moved, null, buffer.at(0)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> kernels.select(even, buffer.at(4), rule, even, null, buffer.at(0)));
    assertThat(driver.launches()).isZero();
  }
}
