package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.PretendCuda.Order;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.testing.selection.MagnitudeCounts;
import io.github.wandacuda.testing.selection.NonFiniteMatrix;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.PlacedMatrix.Layout;
import io.github.wandacuda.testing.selection.SelectCase;
import io.github.wandacuda.testing.selection.Values;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The launches of CUDA's kernels of selection: each size has its kernel, which is proven to have
 * run, in any order of threads. What is selected of which values is for the tests of the
 * operations.
 */
@Tag("gpu")
@Tag("pretend")
@ParameterizedClass(name = "{0} multiprocessors")
@MethodSource("multiprocessors")
class CudaSelectKernelsTest {
  /** Selections of {@link SelectCase#check}: apart, once more, and in place. */
  private static final int SELECTIONS = 3;

  private final RandomGenerator random = new SplittableRandom(7);
  private final int multiprocessors;
  private PretendCuda driver;
  private CudaDevice device;
  private GpuBackend backend;

  CudaSelectKernelsTest(int multiprocessors) {
    this.multiprocessors = multiprocessors;
  }

  /** The pretended driver's own, and those that make blocks take many rows, or one each. */
  static List<Integer> multiprocessors() {
    return Tier.cases(List.of(4, 1, 132), 1);
  }

  @BeforeEach
  void start() {
    driver = PretendCuda.start();
    driver.multiprocessors(multiprocessors);
    open();
  }

  private void open() {
    device = CudaDevice.open(0, Precision.DEFAULT);
    backend = new GpuBackend(device, 1);
  }

  @AfterEach
  void close() {
    if (backend != null) {
      backend.close();
      assertThat(driver.outstanding()).isEmpty();
    }
  }

  private void check(String kernel, DType dtype, int rows, int columns, SelectionRule rule) {
    for (Order order : Order.values()) {
      Values values = Values.values()[random.nextInt(Values.values().length)];
      Norms norms = Norms.values()[random.nextInt(Norms.values().length)];
      checkOnce(kernel, order, values, norms, dtype, rows, columns, rule);
      NonFiniteMatrix.draw(random, Layout.DENSE, dtype, rows, columns, true, random.nextBoolean())
          .checkSelection(backend.selector(), rule);
    }
  }

  private void checkOnce(
      String kernel,
      Order order,
      Values values,
      Norms norms,
      DType dtype,
      int rows,
      int columns,
      SelectionRule rule) {
    int[][] bits = values.matrix(random, dtype, rows, columns);
    driver.order(order, random.nextLong());
    String name = CudaFunction.name(kernel, dtype);
    long before = driver.launches(name);
    String about = name + " " + values + " " + norms + " " + rule + " " + columns + " " + order;
    new SelectCase(dtype, bits, columns, norms.vector(random, columns), rule)
        .check(about, backend.selector(), Layout.DENSE, Layout.DENSE);
    assertThat(driver.launches(name)).as(about).isEqualTo(before + SELECTIONS);
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void selectsInNarrowRows(DType dtype) {
    for (int columns = 1; columns <= 70; columns += 3) {
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

  /** More rows than blocks run at a time: 16 of 256 threads where there are 4 multiprocessors. */
  @ParameterizedTest
  @EnumSource(DType.class)
  @FirstCases(1)
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
   * they are read again. Rows take multiples of 16 bytes there.
   */
  @ParameterizedTest
  @CsvSource({
    "80, F32, 9544, 9604, true", "80, F16, 19096, 19201, true",
    "80, BF16, 19096, 19201, true", "75, F32, 13636, 13644, true",
    "75, F32, 13645, 13654, false", "75, BF16, 27280, 27288, true",
    "75, BF16, 27289, 27298, false", "89, F32, 22598, 22604, true",
    "80, F32, 38985, 38988, true", "80, F32, 38989, 38990, false",
    "90, F16, 110744, 110744, true", "90, F16, 110745, 110745, false"
  })
  void selectsInRowsAroundALimitOfSharedMemory(
      int capability, DType dtype, int from, int to, boolean staged) {
    driver.capability(capability);
    backend.close();
    open();
    for (int columns = from; columns <= to; columns += 16 / dtype.bytes()) {
      CudaSelectRows choice = CudaSelectRows.of(dtype, columns, device);
      assertThat(choice.stagedBytes() > 0).as("%d columns", columns).isEqualTo(staged);
      LowestPerRow rule = new LowestPerRow(columns / 2);
      String kernel = "select_rows_long";
      checkOnce(kernel, Order.FORWARD, Values.GAUSSIAN, Norms.LOGNORMAL, dtype, 1, columns, rule);
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  @FirstCases(1)
  void selectsInGroupsOfAnySize(DType dtype) {
    for (int size : new int[] {2, 3, 4, 8, 16, 31, 32, 33}) {
      String kernel =
          switch (size) {
            case 4, 8 -> "select_groups_" + size;
            case 33 -> "select_groups_large";
            default -> "select_groups_small";
          };
      int pruned = 1 + random.nextInt(size - 1);
      for (int groups : new int[] {1, 1 + 2000 / size}) {
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
  void counts(DType dtype) {
    for (Order order : Order.values()) {
      driver.order(order, random.nextLong());
      int[][] bits = Values.ANY.matrix(random, dtype, 1 + random.nextInt(6), 3000);
      PlacedMatrix matrix = PlacedMatrix.of(Layout.DENSE, dtype, bits.length, 3000).filled(bits);
      MagnitudeCounts.of(dtype, bits).check(dtype + " " + order, backend.selector(), matrix);
    }
  }

  @Test
  void refusesRowsThatAreNotAligned() {
    CudaQueue queue = device.queue();
    CudaBuffer buffer = device.memory().allocate(4096);
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
