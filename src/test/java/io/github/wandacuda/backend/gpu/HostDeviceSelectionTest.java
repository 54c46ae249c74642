package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.selection.Zeros;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** On a device that is host memory: how the work is cut into tiles, and what is held for it. */
class HostDeviceSelectionTest {
  private static final int ROWS = 10;
  private static final int COLUMNS = 12;

  private final Arena arena = Arena.ofAuto();
  private final MemorySegment memory = arena.allocate(ROWS * 64, 16);

  /** Returns a matrix of ascending numbers, whose rows start every {@code pitch} bytes. */
  private DeviceMatrix matrix(int pitch) {
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < COLUMNS; column++) {
        memory.set(ValueLayout.JAVA_FLOAT, row * pitch + 4L * column, column + 1);
      }
    }
    return DeviceMatrix.cuda(memory.address(), DType.F32, ROWS, COLUMNS, 0)
        .withRowStride(pitch / Float.BYTES);
  }

  private long zeros(DeviceMatrix matrix) {
    return Zeros.of(new WeightMatrix(memory, DType.F32, ROWS, COLUMNS, matrix.rowStride(), 1));
  }

  private static GpuDeviceSelector selector(HostDevice device, GpuSelector own, long tileBytes) {
    return new GpuDeviceSelector(device, own, tileBytes);
  }

  /** A row's mask and report take 16 bytes, a row's weights 48. */
  @ParameterizedTest
  @ValueSource(ints = {48, 52})
  void tilesFollowOneAnother(int pitch) {
    HostDevice device = new HostDevice(1 << 20);
    long tileBytes = pitch == 48 ? 3 * 16 : 3 * 48;
    List<Long> done = new ArrayList<>();
    DeviceMatrix matrix = matrix(pitch);
    MemorySegment mask = arena.allocate(2 * ROWS);
    try (GpuSelector own = new GpuSelector(device, new PinnedMemory(device), tileBytes);
        GpuDeviceSelector selector = selector(device, own, tileBytes)) {
      assertThat(selector.select(matrix, null, new LowestPerRow(4), mask, done::add))
          .isEqualTo(new Selection(4 * ROWS, 4 * ROWS));
    }
    assertThat(done).containsExactly(3L, 6L, 9L, 10L);
    assertThat(zeros(matrix)).isEqualTo(4 * ROWS);
    for (int row = 0; row < ROWS; row++) {
      assertThat(mask.get(ValueLayout.JAVA_BYTE, 2L * row)).isEqualTo((byte) 0xf0);
      assertThat(mask.get(ValueLayout.JAVA_BYTE, 2L * row + 1)).isEqualTo((byte) 0x0f);
    }
    assertThat(device.outstanding()).isZero();
  }

  /** Norms, masks and reports of all rows fit into 208 bytes, which a copy of two rows fills. */
  @Test
  void alignedWeightsTakeNoRoomAgain() {
    HostDevice device = new HostDevice(48 + ROWS * 16);
    DeviceMatrix matrix = matrix(48);
    List<Long> done = new ArrayList<>();
    try (GpuSelector own = new GpuSelector(device, new PinnedMemory(device), 1 << 20);
        GpuDeviceSelector selector = selector(device, own, 1 << 20)) {
      selector.select(matrix, null, new LowestPerRow(6), null, done::add);
    }
    assertThat(done).containsExactly((long) ROWS);
    assertThat(zeros(matrix)).isEqualTo(6 * ROWS);
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void whatEndsACallLeavesTheRestAsItWas() {
    HostDevice device = new HostDevice(1 << 20);
    DeviceMatrix matrix = matrix(48);
    try (GpuSelector own = new GpuSelector(device, new PinnedMemory(device), 3 * 16);
        GpuDeviceSelector selector = selector(device, own, 3 * 16)) {
      assertThatThrownBy(
              () ->
                  selector.select(
                      matrix,
                      null,
                      new LowestPerRow(6),
                      null,
                      rows -> {
                        if (rows == 6) {
                          throw new IllegalStateException("enough");
                        }
                      }))
          .hasMessage("enough");
      assertThat(zeros(matrix)).isEqualTo(6 * 6);
      selector.select(matrix, null, new LowestPerRow(6), null, rows -> {});
      assertThat(zeros(matrix)).isEqualTo(6 * ROWS);
    }
    assertThat(device.outstanding()).isZero();
  }

  @Test
  void aClosedBackendSelectsNothing() {
    HostDevice device = new HostDevice(1 << 20);
    Backend backend = new GpuBackend(device, 1);
    backend.close();
    assertThatThrownBy(
            () ->
                backend
                    .deviceSelector()
                    .select(matrix(48), null, new LowestPerRow(6), null, rows -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the backend is closed");
  }
}
