package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.selection.Select;
import io.github.wandacuda.testing.selection.Zeros;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Random;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How a device's memory is shared, to the byte. */
@Tag("gpu")
@Tag("pretend")
class GpuBackendTest {
  private final PretendCuda driver = PretendCuda.start();
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void nothingIsLeft() {
    arena.close();
    assertThat(driver.outstanding()).isEmpty();
  }

  private static WeightMatrix weights(MemorySegment memory, int rows, int columns) {
    Random random = new Random(5);
    for (long i = 0; i < (long) rows * columns; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return WeightMatrix.of(memory, DType.F32, rows, columns);
  }

  @Test
  void pinnedMemoryIsUsedAsItIs() {
    GpuDevice device = PretendedCuda.device(1 << 20);
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      try (Arena pinned = Arena.ofShared()) {
        MemorySegment memory = backend.hostMemory(12 * 4 * 10, pinned);
        WeightMatrix all = weights(memory, 10, 12);
        Select.once(backend.selector(), all, null, new LowestPerRow(6), all, null);
        assertThat(Zeros.of(all)).isEqualTo(60);
      }
      assertThat(backend.concurrency()).isEqualTo(3);
    }
  }

  @Test
  void aDeviceWithoutRoomForARowIsAClearError() {
    GpuDevice device = PretendedCuda.device(100);
    try (GpuBackend backend = new GpuBackend(device, 2)) {
      WeightMatrix matrix = weights(arena.allocate(4 * 3 * 40), 3, 40);
      assertThatThrownBy(
              () ->
                  Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessage(
              "cuda device 0 (Pretend GPU sm_80): out of device memory: expected 160 free bytes,"
                  + " found 100");
    }
  }

  /** All 10 rows' weights and the norms would fit, but with nothing left for their masks. */
  @Test
  void weightsLeaveRoomForWhatGoesWithThem() {
    GpuDevice device = PretendedCuda.device(10 * 48 + 48);
    WeightMatrix matrix = weights(arena.allocate(10 * 48), 10, 12);
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null);
      assertThat(Zeros.of(matrix)).isEqualTo(60);
    }
  }

  /** A row takes 112 bytes with all that goes with it. */
  @Test
  @Timeout(30)
  void callsShareTheRoomOfASingleRow() {
    GpuDevice device = PretendedCuda.device(120);
    try (GpuBackend backend = new GpuBackend(device, 8);
        SelectionPlan plan = backend.selector().prepare(DType.F32, 12, null, new LowestPerRow(6));
        Workers workers = new Workers(8)) {
      workers.run(
          200,
          (worker, task) -> {
            try (Arena own = Arena.ofConfined()) {
              WeightMatrix matrix = weights(own.allocate(3 * 48), 3, 12);
              plan.select(matrix, matrix, null);
              assertThat(Zeros.of(matrix)).isEqualTo(18);
            }
          });
    }
  }

  private long uploads() {
    return driver.calls("cuMemcpyHtoDAsync");
  }

  @Test
  void normsComeOnceForAllTiles() {
    GpuDevice device = PretendedCuda.device(1 << 20);
    WeightMatrix matrix = weights(arena.allocate(10 * 48), 10, 12);
    try (GpuBackend backend = new GpuBackend(device, 1);
        SelectionPlan plan = backend.selector().prepare(DType.F32, 12, null, new LowestPerRow(6))) {
      assertThat(uploads()).isOne();
      for (int row = 0; row < 10; row++) {
        plan.select(matrix.rows(row, 1), matrix.rows(row, 1), null);
      }
      assertThat(uploads()).as("and one for each tile").isEqualTo(11);
      assertThat(Zeros.of(matrix)).isEqualTo(60);
    }
  }

  /** A plan's norms, its row, and another plan's norms take 208 bytes together. */
  @Test
  void theNextPlansNormsTakeTheRoomOfAnIdleSlot() {
    GpuDevice device = PretendedCuda.device(150);
    WeightMatrix matrix = weights(arena.allocate(10 * 48), 10, 12);
    try (GpuBackend backend = new GpuBackend(device, 1);
        SelectionPlan plan = backend.selector().prepare(DType.F32, 12, null, new LowestPerRow(6))) {
      plan.select(matrix, matrix, null);
      SelectionPlan wider = backend.selector().prepare(DType.F32, 24, null, new LowestPerRow(6));
      wider.close();
      wider.close();
      WeightMatrix again = weights(arena.allocate(10 * 48), 10, 12);
      plan.select(again, again, null);
      assertThat(Zeros.of(again)).as("beside norms that were kept for later").isEqualTo(60);
    }
  }

  @Test
  void normsWithoutRoomAreAClearError() {
    GpuDevice device = PretendedCuda.device(100);
    try (GpuBackend backend = new GpuBackend(device, 1);
        SelectionPlan plan = backend.selector().prepare(DType.F32, 12, null, new LowestPerRow(6))) {
      assertThatThrownBy(() -> backend.selector().prepare(DType.F32, 20, null, new LowestPerRow(6)))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessage(
              "cuda device 0 (Pretend GPU sm_80): out of device memory: expected 80 free bytes,"
                  + " found 52");
    }
  }

  /** The counts take 128 KiB, beside which there is room for some rows of a hundred. */
  @Test
  void weightsLeaveRoomForCounts() {
    GpuDevice device = PretendedCuda.device(132 << 10);
    WeightMatrix matrix = weights(arena.allocate(100 * 48), 100, 12);
    long[] counts = new long[Selector.UPPER_BINS];
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      backend.selector().countMagnitudes(matrix, OptionalInt.empty(), counts);
    }
    assertThat(Arrays.stream(counts).sum()).isEqualTo(1200);
  }

  @ParameterizedTest
  @ValueSource(ints = {CUresult.CUDA_ERROR_OUT_OF_MEMORY, CUresult.CUDA_ERROR_NOT_PERMITTED})
  void memoryThatCannotBePinnedWorksToo(int result) {
    GpuDevice device = PretendedCuda.device(1 << 20);
    driver.fail("cuMemHostAlloc", -1, result);
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      WeightMatrix all = weights(backend.hostMemory(12 * 4 * 10, arena), 10, 12);
      Select.once(backend.selector(), all, null, new LowestPerRow(6), all, null);
      assertThat(Zeros.of(all)).isEqualTo(60);
    }
  }

  @Test
  void isClosedOnceAndForGood() {
    GpuBackend backend = new GpuBackend(PretendedCuda.device(1 << 20), 1);
    backend.close();
    backend.close();
    assertThatThrownBy(backend::operations)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the backend is closed");
  }

  /** Three quarters of memory are a weight's, what is left is everything else's. */
  @Test
  void weightsLeaveRoomForActivations() {
    WeightMatrix matrix = weights(arena.allocate(4L * 100 * 32), 100, 32);
    GpuDevice device = PretendedCuda.device(100 * 32 * 4 + 100);
    try (GpuBackend backend = new GpuBackend(device, 1);
        Weight weight = backend.operations().weight(matrix);
        Tensor activations = backend.operations().tensor(20, 32)) {
      assertThat(weight.rows()).isEqualTo(100);
      assertThat(activations.rows()).isEqualTo(20);
    }
  }

  @Test
  void aLostDeviceFailsTheCallAndLeavesNothingBehind() {
    GpuDevice device = PretendedCuda.device(1 << 20);
    driver.fail("cuLaunchKernel", 3, CUresult.CUDA_ERROR_LAUNCH_FAILED);
    try (GpuBackend backend = new GpuBackend(device, 2)) {
      WeightMatrix matrix = weights(arena.allocate(4 * 3 * 40), 3, 40);
      Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null);
      Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null);
      assertThatThrownBy(
              () ->
                  Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessageStartingWith("cuda device 0 (Pretend GPU sm_80): the device was lost, ");
    }
  }
}
