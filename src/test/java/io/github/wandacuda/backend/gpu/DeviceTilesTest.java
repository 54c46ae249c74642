package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.backend.gpu.GpuBackend.GpuDeviceSelector;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.selection.Zeros;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How the selection of a caller's matrix is cut into tiles, and what is held for it. */
@Tag("gpu")
@Tag("pretend")
class DeviceTilesTest {
  private static final int ROWS = 10;
  private static final int COLUMNS = 12;

  /** Rows of 48 bytes. */
  private static final int DENSE = COLUMNS * Float.BYTES;

  private final PretendCuda driver = PretendCuda.start();
  private final Arena arena = Arena.ofShared();
  private CallerProgram program;
  private GpuSelector own;
  private GpuDeviceSelector selector;

  private void open(long memory, long tileBytes) {
    GpuDevice device = PretendedCuda.device(memory);
    program = PretendedCuda.caller(new GpuBackend(device, 1));
    own = new GpuSelector(device, new PinnedMemory(device), tileBytes);
    selector = new GpuDeviceSelector(device, own, tileBytes);
  }

  @AfterEach
  void nothingIsLeft() {
    selector.close();
    own.close();
    program.close();
    arena.close();
    assertThat(driver.outstanding()).isEmpty();
  }

  /** Returns a matrix of ascending numbers, whose rows start every {@code pitch} bytes. */
  private DeviceMatrix matrix(int pitch) {
    ByteBuffer bytes = ByteBuffer.allocate(ROWS * pitch).order(ByteOrder.nativeOrder());
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < COLUMNS; column++) {
        bytes.putFloat(row * pitch + column * Float.BYTES, column + 1);
      }
    }
    return DeviceMatrix.cuda(
            program.memory(bytes.array()), DType.F32, ROWS, COLUMNS, program.queue())
        .withRowStride(pitch / Float.BYTES);
  }

  private long zeros(DeviceMatrix matrix) {
    MemorySegment bytes = arena.allocate(matrix.span(), Float.BYTES);
    bytes.copyFrom(MemorySegment.ofArray(program.read(matrix.memory(), (int) matrix.span())));
    return Zeros.of(new WeightMatrix(bytes, DType.F32, ROWS, COLUMNS, matrix.rowStride(), 1));
  }

  private Selection prune(DeviceMatrix matrix, int count, MemorySegment mask, LongConsumer done) {
    return selector.select(matrix, null, new LowestPerRow(count), mask, done);
  }

  /** A row's mask and report take 16 bytes, a row's weights 48. */
  @ParameterizedTest
  @ValueSource(ints = {DENSE, DENSE + 4})
  void tilesFollowOneAnother(int pitch) {
    open(1 << 20, pitch == DENSE ? 3 * 16 : 3 * 48);
    List<Long> done = new ArrayList<>();
    DeviceMatrix matrix = matrix(pitch);
    MemorySegment mask = arena.allocate(2 * ROWS);
    assertThat(prune(matrix, 4, mask, done::add)).isEqualTo(new Selection(4 * ROWS, 4 * ROWS));
    assertThat(done).containsExactly(3L, 6L, 9L, 10L);
    assertThat(zeros(matrix)).isEqualTo(4 * ROWS);
    for (int row = 0; row < ROWS; row++) {
      assertThat(mask.get(ValueLayout.JAVA_BYTE, 2L * row)).isEqualTo((byte) 0xf0);
      assertThat(mask.get(ValueLayout.JAVA_BYTE, 2L * row + 1)).isEqualTo((byte) 0x0f);
    }
  }

  /** Norms, masks and reports of all rows fit into 208 bytes, which a copy of two rows fills. */
  @Test
  void alignedWeightsTakeNoRoomAgain() {
    int context = 2;
    open(context + ROWS * DENSE + 48 + ROWS * 16, 1 << 20);
    DeviceMatrix matrix = matrix(DENSE);
    List<Long> done = new ArrayList<>();
    prune(matrix, 6, null, done::add);
    assertThat(done).containsExactly((long) ROWS);
    assertThat(zeros(matrix)).isEqualTo(6 * ROWS);
  }

  @Test
  void whatEndsACallLeavesTheRestAsItWas() {
    open(1 << 20, 3 * 16);
    DeviceMatrix matrix = matrix(DENSE);
    LongConsumer enough =
        rows -> {
          if (rows == 6) {
            throw new IllegalStateException("enough");
          }
        };
    assertThatThrownBy(() -> prune(matrix, 6, null, enough)).hasMessage("enough");
    assertThat(zeros(matrix)).isEqualTo(6 * 6);
    prune(matrix, 6, null, rows -> {});
    assertThat(zeros(matrix)).isEqualTo(6 * ROWS);
  }

  @Test
  void aClosedSelectorSelectsNothing() {
    open(1 << 20, 1 << 20);
    DeviceMatrix matrix = matrix(DENSE);
    selector.close();
    assertThatThrownBy(() -> prune(matrix, 6, null, rows -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the backend is closed");
  }
}
