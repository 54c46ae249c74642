package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Products in bfloat16 are sums of exact products of the rounded activations and the weights, in
 * float32: within half a unit of the last place for each addition of the sum of magnitudes, and in
 * fact within few. What a row gets hangs on that row alone.
 */
class BfloatLinearTest {
  /** Half a unit of a float32 in the last place, relative. */
  private static final double ROUNDING = 0x1p-24;

  /** Of the sum of magnitudes, at most, as for other sums in float32. */
  private static final double FLOAT32 = 4e-7;

  private BfloatLinear linear;

  @BeforeEach
  void open() {
    linear = new BfloatLinear(FoundOneDnn.require(), new ScalarForward());
  }

  @AfterEach
  void close() {
    if (linear != null) {
      linear.close();
      linear.close();
    }
  }

  private CpuTensor multiplied(CpuTensor x, WeightMatrix w, CpuTensor bias, int threads) {
    CpuTensor larger = CpuTensor.zeros(x.rows() + 2, w.rows());
    Arrays.fill(larger.data(), Float.NaN);
    CpuTensor out = larger.rows(1, x.rows());
    try (Workers workers = new Workers(threads)) {
      linear.linear(x, w, bias, out, workers);
    }
    assertThat(larger.rows(0, 1).data()[0]).isNaN();
    assertThat(larger.data()[larger.at(x.rows() + 1)]).isNaN();
    return out;
  }

  private static double rounded(CpuTensor x, int row, int column) {
    return DType.BF16.rounded(x.data()[x.at(row) + column]);
  }

  private void withinRounding(CpuTensor x, WeightMatrix w, CpuTensor bias) {
    CpuTensor out = multiplied(x, w, bias, 2);
    double tolerance = Math.min((w.columns() + 1) * ROUNDING, FLOAT32);
    for (int t = 0; t < x.rows(); t++) {
      for (int o = 0; o < w.rows(); o++) {
        double sum = bias == null ? 0 : bias.data()[bias.at(0) + o];
        double sizes = Math.abs(sum);
        for (int c = 0; c < w.columns(); c++) {
          double product = rounded(x, t, c) * w.get(o, c);
          sum += product;
          sizes += Math.abs(product);
        }
        assertThat((double) out.data()[out.at(t) + o])
            .as("token %d, feature %d", t, o)
            .isCloseTo(sum, within(tolerance * sizes));
      }
    }
  }

  /** Sizes on both sides of the edges of tiles, runs, parts and cache lines. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1", "2, 15, 3", "31, 31, 31", "32, 32, 32", "33, 33, 33", "5, 255, 63",
    "40, 256, 64", "65, 257, 65", "3, 520, 129", "7, 20, 2047", "33, 40, 2048", "7, 20, 2049",
    "2, 3, 4100", "2049, 5, 7", "98, 130, 300"
  })
  void everySizeIsWithinItsRounding(int tokens, int features, int columns) {
    Samples samples = new Samples(tokens);
    WeightMatrix w = samples.weight(DType.BF16, features, columns, Samples.Layout.PADDED_ROWS);
    CpuTensor x = samples.tensor(tokens, columns);
    withinRounding(x, w, samples.tensor(1, features));
    withinRounding(x, w, null);
  }

  @ParameterizedTest
  @EnumSource
  void weightsLieAnyHow(Samples.Layout layout) {
    Samples samples = new Samples(3);
    WeightMatrix w = samples.weight(DType.BF16, 300, 2100, layout);
    withinRounding(samples.tensor(4, 2100), w, samples.tensor(1, 300));
  }

  /** The sums are exact, so one that rounds otherwise or leaves one out is off by a unit. */
  @Test
  void activationsAreRoundedToTheNearestAndTiesToTheEvenOne() {
    float[] values = {1 + 0x1p-8f, 1 + 0x3p-8f, 1 + 0x1.1p-8f, -1 - 0x1p-8f, 3, 0x1p-140f};
    WeightMatrix w = new Samples(1).weight(DType.BF16, 1, 1, Samples.Layout.ROWS);
    w.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, 0, (short) DType.BF16.bits(1));
    CpuTensor out = multiplied(Samples.of(values.length, values), w, null, 1);
    assertThat(Arrays.copyOfRange(out.data(), out.at(0), out.at(5)))
        .containsExactly(1, 1 + 0x1p-6f, 1 + 0x1p-7f, -1, 3);
    assertThat(out.data()[out.at(5)]).as("a subnormal number").isBetween(0f, 0x1p-140f);
  }

  private static int[] rowBits(CpuTensor tensor, int row) {
    return Samples.bits(tensor.rows(row, 1));
  }

  /** Batches and samples may be cut in any way. */
  @ParameterizedTest
  @CsvSource({"64, 33", "700, 768", "300, 2304"})
  void aRowGetsTheSameWhereverItIs(int features, int columns) {
    Samples samples = new Samples(features);
    WeightMatrix w = samples.weight(DType.BF16, features, columns, Samples.Layout.ROWS);
    CpuTensor bias = samples.tensor(1, features);
    CpuTensor x = samples.tensor(2100, columns);
    CpuTensor all = multiplied(x, w, bias, 2);
    for (int[] part : new int[][] {{0, 1}, {5, 1}, {31, 2}, {1, 32}, {3, 100}, {2040, 60}}) {
      CpuTensor some = multiplied(x.rows(part[0], part[1]), w, bias, 2);
      for (int row = 0; row < part[1]; row++) {
        assertThat(rowBits(some, row)).isEqualTo(rowBits(all, part[0] + row));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "3", "7"})
  void anyNumberOfThreadsGivesTheSame(int threads) {
    Samples samples = new Samples(threads);
    WeightMatrix w = samples.weight(DType.BF16, 700, 2304, Samples.Layout.ROWS);
    CpuTensor bias = samples.tensor(1, 700);
    CpuTensor x = samples.tensor(333, 2304);
    assertThat(Samples.bits(multiplied(x, w, bias, threads)))
        .isEqualTo(Samples.bits(multiplied(x, w, bias, 2)));
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity", "-Infinity", "3.4028235e38"})
  void whatIsNotFiniteStaysInItsRow(float value) {
    Samples samples = new Samples(3);
    WeightMatrix w = samples.weight(DType.BF16, 37, 45, Samples.Layout.ROWS);
    CpuTensor x = samples.tensor(40, 45);
    x.data()[x.at(33) + 44] = value;
    CpuTensor out = multiplied(x, w, null, 1);
    for (int i = 0; i < out.elements(); i++) {
      boolean finite = Float.isFinite(out.data()[out.at(0) + i]);
      assertThat(finite).as("%d", i).isEqualTo(i / 37 != 33);
    }
  }

  /** The other features of a tile, and what is left in buffers, know nothing of it. */
  @Test
  void whatIsNotFiniteInAWeightStaysWithItsFeature() {
    Samples samples = new Samples(3);
    WeightMatrix spoiled = samples.weight(DType.BF16, 37, 45, Samples.Layout.ROWS);
    spoiled
        .data()
        .set(
            ValueLayout.JAVA_SHORT_UNALIGNED,
            spoiled.byteOffset(36, 44),
            (short) DType.BF16.bits(Float.NEGATIVE_INFINITY));
    CpuTensor x = samples.tensor(3, 45);
    CpuTensor out = multiplied(x, spoiled, null, 1);
    for (int i = 0; i < out.elements(); i++) {
      boolean finite = Float.isFinite(out.data()[out.at(0) + i]);
      assertThat(finite).as("%d", i).isEqualTo(i % 37 != 36);
    }
    withinRounding(x, samples.weight(DType.BF16, 33, 45, Samples.Layout.ROWS), null);
  }

  @Test
  void takesBf16WithElementsAlone() {
    Samples samples = new Samples(1);
    for (DType dtype : DType.values()) {
      WeightMatrix w = samples.weight(dtype, 2, 3, Samples.Layout.ROWS);
      assertThat(BfloatLinear.takes(w)).isEqualTo(dtype == DType.BF16);
      assertThat(BfloatLinear.takes(w.rows(0, 0))).isFalse();
    }
  }

  /** A thread that OpenMP makes has the name of the one that it is made for. */
  @Test
  void theLibraryMakesNoThreads() throws ExecutionException, InterruptedException {
    Samples samples = new Samples(1);
    WeightMatrix w = samples.weight(DType.BF16, 512, 2048, Samples.Layout.ROWS);
    CpuTensor x = samples.tensor(512, 2048);
    CompletableFuture<Long> count = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("multiplying")
        .start(
            () ->
                count.completeAsync(
                    () -> {
                      CpuTensor unused = multiplied(x, w, null, 1);
                      return named("multiplying");
                    },
                    Runnable::run));
    assertThat(count.get()).isEqualTo(1);
  }

  private static long named(String name) {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks.filter(task -> read(task.resolve("comm")).equals(name)).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return "ended meanwhile";
    }
  }
}
