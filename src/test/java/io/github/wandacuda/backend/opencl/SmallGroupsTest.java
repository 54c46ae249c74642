package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Kernels on devices that have no room for groups of 256 work-items. */
@Tag("gpu")
@Thorough
class SmallGroupsTest {
  private static final long LOCAL_BYTES = 16 << 10;

  /** Rows whose last group isn't full, whatever its size. */
  private static final int ROWS = 37;

  /** The kernels of processors, whose groups are one work-item. */
  private static final Set<String> OTHERS =
      Set.of("linear_vectors.cl", "attention_vectors.cl", "float_vectors.cl");

  @ParameterizedTest
  @ValueSource(ints = {64, 128, 256})
  void everyKernelGivesTheCpusBits(int items) throws IOException {
    Set<String> run = new ConcurrentSkipListSet<>();
    KernelSources sources =
        file -> {
          run.add(file);
          return KernelSources.packed().read(file);
        };
    long localBytes = items == 256 ? 2 * LOCAL_BYTES : LOCAL_BYTES;
    OpenClTarget target = ChangedTarget.withGroups(AnyOpenCl.target(), items, localBytes);
    try (ForwardDevice device = ForwardDevice.open(target, sources)) {
      assertThat(OpenClSelfTest.problem(device.device())).isEmpty();
      try (OpenClForwardKernels kernels = new OpenClForwardKernels(device.queue());
          ForwardChecks checks = new ForwardChecks(device, kernels)) {
        forward(checks);
      }
      DamagedSparseKernelsTest.check(device);
      select(device.device());
    }
    Set<String> expected = new TreeSet<>(kernelFiles());
    expected.removeAll(OTHERS);
    assertThat(run).containsAll(expected);
  }

  private static void forward(ForwardChecks checks) {
    Samples samples = checks.samples();
    CpuTensor x = samples.tensor(ROWS, 300);
    checks.embed(samples.weight(DType.F16, 5, 300, Samples.Layout.ROWS), 4, 0, 2);
    checks.rmsNorm(x);
    checks.layerNorm(x);
    checks.linear(DType.BF16, 70, 67, 520);
    checks.linear(DType.F32, ROWS, 130, 300);
    checks.linear(DType.F16, 2, 67, 520);
    checks.rotate(2, 3, 5, 32, 16);
    checks.attention(2, new AttentionShape(150, 0, 4, 2, 40, 0.25f, 0, 0));
    checks.attention(1, new AttentionShape(90, 0, 2, 1, 300, 0.1f, 2f, 20), samples.tensor(2, 90));
    checks.attention(3, new AttentionShape(70, 65, 4, 2, 40, 0.25f, 2f, 50));
    checks.activate(Activation.SILU, x);
    checks.gate(Activation.GELU, x, samples.tensor(ROWS, 300));
    checks.add(x, samples.tensor(ROWS, 300));
    checks.scale(x, 2.5f);
    checks.softcap(x, 2f);
    checks.gatherColumns(samples.tensor(3, 1200), 8, 100, 200, 5);
    checks.gatherRows(x, 3, 0, 4);
    checks.addRows(x, 3, 0, 4);
    checks.route(samples.tensor(ROWS, 20), 3);
    checks.columnSquares(samples.tensor(600, 300), x);
    checks.secondMoments(samples.tensor(304, 70));
    checks.crossEntropy(x);
  }

  private static void select(OpenClDevice device) {
    SplittableRandom random = new SplittableRandom(5);
    SelectionRule[] rules = {
      new LowestPerRow(901),
      new LowestPerGroup(2, 4),
      new LowestPerGroup(3, 5),
      new LowestPerGroup(300, 600),
      new AtMost(0.01f)
    };
    for (DType dtype : DType.values()) {
      for (SelectionRule rule : rules) {
        for (RowValues values : new RowValues[] {RowValues.GAUSSIAN, RowValues.TIED}) {
          int[][] bits = values.matrix(random, dtype, 3, 2400);
          SelectionCase selection =
              new SelectionCase(dtype, bits, values.norms(random, 2400), rule);
          assertThat(selection.difference(device, OpenClSelectKernels::new)).isEmpty();
          assertThat(selection.difference(device, queue -> new OpenClSelectKernels(queue, 0)))
              .isEmpty();
        }
      }
    }
    count(device, RowValues.ANY.matrix(random, DType.F32, ROWS, 700));
    count(device, RowValues.GAUSSIAN.matrix(random, DType.F32, ROWS, 700));
  }

  /** Counts zeros of rows, and magnitudes by their upper bits and by their lower ones. */
  private static void count(OpenClDevice device, int[][] bits) {
    int upper = (bits[0][0] & Integer.MAX_VALUE) >>> 16;
    int[] uppers = new int[Selector.UPPER_BINS];
    int[] lowers = new int[Selector.LOWER_BINS];
    for (int[] row : bits) {
      for (int element : row) {
        int magnitude = element & Integer.MAX_VALUE;
        uppers[magnitude >>> 16]++;
        lowers[magnitude & 0xffff] += magnitude >>> 16 == upper ? 1 : 0;
      }
    }
    int reportInts = GpuSelectKernels.REPORT_INTS * bits.length;
    try (OpenClQueue queue = device.queue();
        GuardedRows rows = new GuardedRows(device, queue, DType.F32, bits, 1);
        DeviceBuffer counts = device.allocate((long) lowers.length * Integer.BYTES);
        DeviceBuffer report = device.allocate((long) reportInts * Integer.BYTES)) {
      queue.clear(counts.at(0), counts.bytes());
      queue.pruning().countUpper(rows.matrix(), counts.at(0));
      assertThat(GuardedRows.readInts(queue, counts.at(0), uppers.length)).isEqualTo(uppers);
      queue.clear(counts.at(0), counts.bytes());
      queue.pruning().countLower(rows.matrix(), upper, counts.at(0));
      assertThat(GuardedRows.readInts(queue, counts.at(0), lowers.length)).isEqualTo(lowers);
      queue.pruning().inspect(rows.matrix(), report.at(0));
      int[] found = GuardedRows.readInts(queue, report.at(0), reportInts);
      for (int row = 0; row < bits.length; row++) {
        assertThat(found[GpuSelectKernels.REPORT_INTS * row + GpuSelectKernels.NON_FINITE])
            .isEqualTo(GpuSelectKernels.NONE);
      }
    }
  }

  private static Set<String> kernelFiles() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("kernels"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".cl"))
          .collect(Collectors.toSet());
    }
  }

  /** Attention of whole sequences has no order of its sums in common with the CPU. */
  @Test
  void attentionIsTheSameInGroupsOfAllSizes() {
    float[] expected = attention(256);
    assertThat(attention(128)).containsExactly(expected);
    assertThat(attention(64)).containsExactly(expected);
  }

  private static float[] attention(int items) {
    Samples samples = new Samples(3);
    AttentionShape shape = new AttentionShape(150, 0, 2, 1, 48, 0.25f, 2f, 20);
    OpenClTarget target = ChangedTarget.withGroups(AnyOpenCl.target(), items, 2 * LOCAL_BYTES);
    try (ForwardDevice device = ForwardDevice.open(target, KernelSources.packed());
        OpenClForwardKernels kernels = new OpenClForwardKernels(device.queue())) {
      DeviceRows q = device.copy(samples.tensor(150, 96));
      DeviceRows k = device.copy(samples.tensor(150, 48));
      DeviceRows v = device.copy(samples.tensor(150, 48));
      DeviceRows out = device.empty(150, 96, 96);
      kernels.attention(new AttentionOperands<>(q, k, v, shape, null, out));
      return device.floats(out);
    }
  }

  @Test
  void aKernelThatIsNotBuiltIsBuiltForSmallerGroups() {
    String source = "\n#if ITEMS > %d\n#error too few registers\n#endif\n__kernel void own() {}\n";
    try (OpenClDevice device = AnyOpenCl.open(file -> source.formatted(128))) {
      assertThat(device.kernel("own.cl", "own", "").items()).isEqualTo(128);
    }
    try (OpenClDevice device = AnyOpenCl.open(file -> source.formatted(32))) {
      assertThatThrownBy(() -> device.kernel("own.cl", "own", ""))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessageContaining("own.cl")
          .hasMessageContaining("ITEMS=64")
          .hasMessageContaining("too few registers");
    }
  }
}
