package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.selection.Select;
import io.github.wandacuda.testing.selection.Zeros;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class GpuBackendTest {
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
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
    HostDevice device = new HostDevice(1 << 20);
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      try (Arena pinned = Arena.ofShared()) {
        MemorySegment memory = backend.hostMemory(12 * 4 * 10, pinned);
        WeightMatrix all = weights(memory, 10, 12);
        Select.once(backend.selector(), all, null, new LowestPerRow(6), all, null);
        assertThat(Zeros.of(all)).isEqualTo(60);
      }
      assertThat(backend.concurrency()).isEqualTo(3);
    }
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void aDeviceWithoutRoomForARowIsAClearError() {
    HostDevice device = new HostDevice(100);
    try (GpuBackend backend = new GpuBackend(device, 2)) {
      WeightMatrix matrix = weights(arena.allocate(4 * 3 * 40), 3, 40);
      assertThatThrownBy(
              () ->
                  Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessage("pretend device: out of device memory: expected 160 free bytes, found 100");
    }
    assertThat(device.outstanding()).isZero();
  }

  /** All 10 rows' weights and the norms would fit, but with nothing left for their masks. */
  @Test
  void weightsLeaveRoomForWhatGoesWithThem() {
    HostDevice device = new HostDevice(10 * 48 + 48);
    WeightMatrix matrix = weights(arena.allocate(10 * 48), 10, 12);
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null);
      assertThat(Zeros.of(matrix)).isEqualTo(60);
    }
    assertThat(device.outstanding()).isZero();
  }

  /** A row takes 112 bytes with all that goes with it. */
  @Test
  @Timeout(30)
  void callsShareTheRoomOfASingleRow() {
    HostDevice device = new HostDevice(120);
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
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void normsComeOnceForAllTiles() {
    HostDevice device = new HostDevice(1 << 20);
    WeightMatrix matrix = weights(arena.allocate(10 * 48), 10, 12);
    try (GpuBackend backend = new GpuBackend(device, 1);
        SelectionPlan plan = backend.selector().prepare(DType.F32, 12, null, new LowestPerRow(6))) {
      assertThat(device.uploads()).isOne();
      for (int row = 0; row < 10; row++) {
        plan.select(matrix.rows(row, 1), matrix.rows(row, 1), null);
      }
      assertThat(device.uploads()).as("and one for each tile").isEqualTo(11);
      assertThat(Zeros.of(matrix)).isEqualTo(60);
    }
    assertThat(device.outstanding()).isZero();
  }

  /** A plan's norms, its row, and another plan's norms take 208 bytes together. */
  @Test
  void theNextPlansNormsTakeTheRoomOfAnIdleSlot() {
    HostDevice device = new HostDevice(150);
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
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void normsWithoutRoomAreAClearError() {
    HostDevice device = new HostDevice(100);
    try (GpuBackend backend = new GpuBackend(device, 1);
        SelectionPlan plan = backend.selector().prepare(DType.F32, 12, null, new LowestPerRow(6))) {
      assertThatThrownBy(() -> backend.selector().prepare(DType.F32, 20, null, new LowestPerRow(6)))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessage("pretend device: out of device memory: expected 80 free bytes, found 52");
    }
    assertThat(device.outstanding()).isZero();
  }

  /** The counts take 128 KiB, beside which there is room for two rows of a hundred. */
  @Test
  void weightsLeaveRoomForCounts() {
    HostDevice device = new HostDevice((128 << 10) + 300);
    WeightMatrix matrix = weights(arena.allocate(100 * 48), 100, 12);
    long[] counts = new long[Selector.UPPER_BINS];
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      backend.selector().countMagnitudes(matrix, counts);
    }
    assertThat(Arrays.stream(counts).sum()).isEqualTo(1200);
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void memoryThatCannotBePinnedWorksToo() {
    HostDevice device = new HostDevice(1 << 20);
    device.refusePinned();
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      WeightMatrix all = weights(backend.hostMemory(12 * 4 * 10, arena), 10, 12);
      Select.once(backend.selector(), all, null, new LowestPerRow(6), all, null);
      assertThat(Zeros.of(all)).isEqualTo(60);
    }
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void isClosedOnceAndForGood() {
    GpuBackend backend = new GpuBackend(new HostDevice(1 << 20), 1);
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
    HostDevice device = new HostDevice(100 * 32 * 4 + 100);
    try (GpuBackend backend = new GpuBackend(device, 1);
        Weight weight = backend.operations().weight(matrix);
        Tensor activations = backend.operations().tensor(20, 32)) {
      assertThat(weight.rows()).isEqualTo(100);
      assertThat(activations.rows()).isEqualTo(20);
    }
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void aLostDeviceFailsTheCallAndLeavesNothingBehind() {
    HostDevice device = new HostDevice(1 << 20);
    device.loseAtLaunch(2);
    try (GpuBackend backend = new GpuBackend(device, 2)) {
      WeightMatrix matrix = weights(arena.allocate(4 * 3 * 40), 3, 40);
      Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null);
      Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null);
      assertThatThrownBy(
              () ->
                  Select.once(backend.selector(), matrix, null, new LowestPerRow(6), matrix, null))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessage("pretend device: lost");
    }
    assertThat(device.outstanding()).isZero();
  }
}
