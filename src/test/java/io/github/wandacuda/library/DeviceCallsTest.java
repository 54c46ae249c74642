package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.Mask;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.ZeroNorms;
import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.backend.opencl.OpenClCaller;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Calls with matrices in an OpenCL device's memory, beside the same calls in host memory. */
@Tag("gpu")
class DeviceCallsTest {
  private static final int ROWS = 9;
  private static final int COLUMNS = 24;
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  private final Arena arena = Arena.ofAuto();
  private final float[] norms = new float[COLUMNS];
  private byte[] content;
  @AutoClose private OpenClCaller program;
  @AutoClose private Pruner pruner;

  @BeforeEach
  void open() {
    Random random = new Random(3);
    MemorySegment floats = arena.allocate(ROWS * COLUMNS * Float.BYTES, Float.BYTES);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
      floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    for (int column = 0; column < COLUMNS; column++) {
      norms[column] = 1 + random.nextFloat();
    }
    content = floats.toArray(ValueLayout.JAVA_BYTE);
    program = new OpenClCaller(FirstOpenCl.withVectors());
    pruner = Pruner.builder().backend("opencl").threads(2).open();
  }

  private DeviceMatrix onDevice() {
    return DeviceMatrix.openCl(program.memory(content), DType.F32, ROWS, COLUMNS, program.queue());
  }

  private WeightMatrix onHost() {
    MemorySegment copy = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
    return WeightMatrix.of(copy, DType.F32, ROWS, COLUMNS);
  }

  private byte[] now(DeviceMatrix matrix) {
    return program.read(matrix.memory(), content.length);
  }

  private void same(Criterion criterion, Sparsity sparsity, PruneOptions options) {
    DeviceMatrix device = onDevice();
    WeightMatrix host = onHost();
    Mask mask = Mask.allocate(ROWS, COLUMNS);
    Mask expectedMask = Mask.allocate(ROWS, COLUMNS);
    PruneResult expected = pruner.prune(host, criterion, sparsity, options.withMask(expectedMask));
    assertThat(pruner.prune(device, criterion, sparsity, options.withMask(mask)))
        .isEqualTo(expected);
    assertThat(now(device)).isEqualTo(host.data().toArray(ValueLayout.JAVA_BYTE));
    assertThat(mask.bits().mismatch(expectedMask.bits())).isEqualTo(-1);
  }

  @Test
  void eachCriterionPrunesAsInHostMemory() {
    Criterion zeros = Criterion.wanda(new float[COLUMNS]);
    for (Sparsity sparsity : List.of(HALF, new Sparsity.GroupPattern(2, 4))) {
      same(Criterion.wanda(norms), sparsity, PruneOptions.DEFAULT);
      same(Criterion.magnitude(), sparsity, PruneOptions.DEFAULT);
      same(Criterion.magnitude(), sparsity, PruneOptions.DEFAULT.withWeightsChecked(true));
      same(zeros, sparsity, PruneOptions.DEFAULT.withZeroNorms(ZeroNorms.MAGNITUDE));
      same(zeros, sparsity, PruneOptions.DEFAULT.withZeroNorms(ZeroNorms.KEEP));
    }
  }

  @Test
  void wrongArgumentsChangeNothing() {
    DeviceMatrix device = onDevice();
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                pruner.prune(
                    device, Criterion.wanda(new float[COLUMNS]), HALF, PruneOptions.DEFAULT))
        .withMessageStartingWith("norms: expected one above 0");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                pruner.prune(
                    device,
                    Criterion.magnitude(),
                    HALF,
                    PruneOptions.DEFAULT.withMask(Mask.allocate(ROWS, COLUMNS + 1))))
        .withMessage("mask: expected 9 x 24 as the matrix, found 9 x 25");
    assertThat(now(device)).isEqualTo(content);
  }

  @Test
  void weightsThatAreCheckedFirstStay() {
    MemorySegment.ofArray(content)
        .set(ValueLayout.JAVA_FLOAT_UNALIGNED, (4 * COLUMNS + 3) * 4L, Float.NaN);
    DeviceMatrix device = onDevice();
    assertThatExceptionOfType(NonFiniteWeightException.class)
        .isThrownBy(
            () ->
                pruner.prune(
                    device,
                    Criterion.wanda(norms),
                    HALF,
                    PruneOptions.DEFAULT.withWeightsChecked(true)))
        .withMessage("weight [4, 3] is NaN");
    assertThat(now(device)).isEqualTo(content);
  }

  @Test
  void progressIsToldAndCancellationAsked() {
    List<Long> done = new ArrayList<>();
    DeviceMatrix device = onDevice();
    pruner.prune(
        device,
        Criterion.wanda(norms),
        HALF,
        PruneOptions.DEFAULT
            .withProgress((rows, total) -> done.add(rows))
            .withCancellation(() -> false));
    assertThat(done).containsExactly((long) ROWS);
    byte[] pruned = now(device);
    assertThatExceptionOfType(CancellationException.class)
        .isThrownBy(
            () ->
                pruner.prune(
                    device,
                    Criterion.magnitude(),
                    new Sparsity.Ratio(0.9),
                    PruneOptions.DEFAULT.withCancellation(() -> true)))
        .withMessage("cancelled: 0 of 9 rows are pruned, the others are as they were");
    assertThat(now(device)).isEqualTo(pruned);
  }

  @Test
  void activationsAreSummedAsInHostMemory() {
    try (ColumnNorms expected = pruner.columnNorms(COLUMNS);
        ColumnNorms found = pruner.columnNorms(COLUMNS)) {
      expected.add(onHost()).add(onHost());
      found.add(onDevice()).add(onHost());
      assertThat(found.sums()).isEqualTo(expected.sums());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> found.add(DeviceMatrix.openCl(0, DType.F32, 1, COLUMNS + 1, 0)))
          .withMessage("activations: expected 24 columns, found 25");
    }
  }

  @Test
  void theCpuHasNoSuchMemory() {
    DeviceMatrix matrix = DeviceMatrix.cuda(256, DType.F32, 2, COLUMNS, 0);
    try (Pruner cpu = Pruner.builder().backend("cpu").open();
        ColumnNorms sums = cpu.columnNorms(COLUMNS)) {
      assertThatExceptionOfType(UnsupportedOperationException.class)
          .isThrownBy(() -> cpu.prune(matrix, Criterion.wanda(norms), HALF, PruneOptions.DEFAULT))
          .withMessage("cpu prunes no matrices in a device's memory; cuda and opencl do");
      assertThatExceptionOfType(UnsupportedOperationException.class)
          .isThrownBy(() -> sums.add(matrix))
          .withMessage("this backend reads no matrices in a device's memory; cuda and opencl do");
    }
  }
}
