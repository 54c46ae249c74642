package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.GpuStoredRows.StreamedRows;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.backend.Gpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches that come up and go down on queues of their own, ordered by the drivers' events. */
@Tag("gpu")
class StreamedRowsTest {
  /** A {@code CUresult}. */
  private static final int OUT_OF_MEMORY = 2;

  private static final int ROWS = 5_000;
  private static final int COLUMNS = 64;
  private static final int BATCH = 300;
  private static final long ROW_BYTES = (long) COLUMNS * Float.BYTES;

  @ParameterizedTest
  @EnumSource
  void everyPassFindsWhatTheOneBeforeWrote(Gpu gpu) {
    try (Backend backend = gpu.open();
        Arena arena = Arena.ofShared()) {
      GpuDevice device = ((GpuBackend) backend).gpu();
      MemorySegment host = arena.allocate(BATCH * ROW_BYTES, 64);
      try (DeviceQueue kernels = device.queue();
          DeviceBuffer batch = device.memory().allocate(BATCH * ROW_BYTES);
          StreamedRows rows =
              new StreamedRows(device, kernels, new PinnedMemory(device), ROWS, ROW_BYTES)) {
        for (int pass = 0; pass < 6; pass++) {
          for (int from = 0; from < ROWS; from += BATCH) {
            int count = Math.min(BATCH, ROWS - from);
            MemorySegment some = host.asSlice(0, count * ROW_BYTES);
            if (pass > 0) {
              rows.read(from, count, batch.at(0));
              kernels.complete(() -> kernels.download(batch.at(0), some));
              assertThat(some.toArray(ValueLayout.JAVA_INT))
                  .as("pass %d, row %d", pass, from)
                  .containsOnly(value(pass - 1, from));
            }
            int next = value(pass, from);
            for (long i = 0; i < (long) count * COLUMNS; i++) {
              some.setAtIndex(ValueLayout.JAVA_INT, i, next);
            }
            kernels.complete(() -> kernels.upload(some, batch.at(0)));
            rows.write(from, count, batch.at(0));
          }
        }
        MemorySegment all = arena.allocate(ROWS * ROW_BYTES, 64);
        rows.download(0, all);
        for (int row = 0; row < ROWS; row++) {
          assertThat(all.getAtIndex(ValueLayout.JAVA_INT, (long) row * COLUMNS))
              .isEqualTo(value(5, row - row % BATCH));
        }
      }
    }
  }

  /** What it has taken until then is given back. */
  @Tag("pretend")
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aQueueThatCannotBeMadeLeavesNothingBehind(int which) {
    PretendCuda driver = PretendCuda.start();
    try (Backend backend = Gpu.CUDA.open()) {
      GpuDevice device = ((GpuBackend) backend).gpu();
      PinnedMemory pinned = new PinnedMemory(device);
      try (DeviceQueue kernels = device.queue()) {
        Map<String, Long> before = driver.outstanding();
        driver.fail("cuStreamCreate", which, OUT_OF_MEMORY);
        assertThatThrownBy(() -> new StreamedRows(device, kernels, pinned, ROWS, ROW_BYTES))
            .isInstanceOf(BackendUnavailableException.class);
        assertThat(driver.outstanding()).isEqualTo(before);
      }
    }
  }

  private static int value(int pass, int from) {
    return 100_000 * pass + from;
  }
}
