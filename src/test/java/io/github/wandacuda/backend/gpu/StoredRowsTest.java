package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.testing.PretendCuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows on a device that has room for all of them, for some, or for none. */
@Tag("gpu")
@Tag("pretend")
class StoredRowsTest {
  private static final int ROWS = 1000;
  private static final int COLUMNS = 16;
  private static final int BATCH = 70;
  private static final int ALL_FIT = 1 << 20;

  /** A half of it is for rows. */
  private static final int SOME_FIT = 64 << 10;

  private final PretendCuda driver = PretendCuda.start();
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void nothingIsLeft() {
    arena.close();
    assertThat(driver.outstanding()).isEmpty();
  }

  /** What the rows are to be, and a batch whose numbers are new each time. */
  private static final class Expected {
    private final float[] values = new float[ROWS * COLUMNS];
    private float next;

    float[] change(int from, int count) {
      float[] batch = new float[count * COLUMNS];
      for (int i = 0; i < batch.length; i++) {
        batch[i] = next++;
      }
      System.arraycopy(batch, 0, values, from * COLUMNS, batch.length);
      return batch;
    }

    float[] rows(int from, int count) {
      return Arrays.copyOfRange(values, from * COLUMNS, (from + count) * COLUMNS);
    }
  }

  private MemorySegment host(int rows) {
    return arena.allocate((long) rows * COLUMNS * Float.BYTES, 64);
  }

  private static void write(Operations operations, StoredRows rows, int from, float[] values) {
    try (Tensor batch = operations.tensor(values.length / COLUMNS, COLUMNS)) {
      operations.upload(MemorySegment.ofArray(values), batch);
      rows.write(from, batch);
    }
  }

  private float[] read(Operations operations, StoredRows rows, int from, int count) {
    try (Tensor batch = operations.tensor(count, COLUMNS)) {
      rows.read(from, batch);
      MemorySegment found = host(count);
      operations.download(batch, found);
      return found.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @ParameterizedTest
  @CsvSource({
    ALL_FIT + ", true, 9",
    SOME_FIT + ", true, 9",
    SOME_FIT + ", true, 1",
    SOME_FIT + ", true, 0",
    SOME_FIT + ", false, 9"
  })
  void whatIsReadIsWhatWasWrittenLast(int memory, boolean pinned, int lazy) {
    GpuDevice device = PretendedCuda.device(memory);
    driver.eagerAfter(lazy);
    if (!pinned) {
      driver.fail("cuMemHostAlloc", -1, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
    }
    try (GpuBackend backend = new GpuBackend(device, 1)) {
      Operations operations = backend.operations();
      try (StoredRows rows = operations.storedRows(ROWS, COLUMNS)) {
        assertThat(rows.inPlace()).isEmpty();
        Expected expected = new Expected();
        inGrowingBatches(operations, rows, expected);
        inOrder(operations, rows, expected);
        aheadOfTheReader(operations, rows, expected);
        inAnyOrder(operations, rows, expected);
        throughTheHost(operations, rows, expected);
      }
    }
  }

  /** What was sent for is lost where a larger batch needs more room. */
  private void inGrowingBatches(Operations operations, StoredRows rows, Expected expected) {
    write(operations, rows, 600, expected.change(600, 10));
    write(operations, rows, 610, expected.change(610, 10));
    assertThat(read(operations, rows, 600, 10)).isEqualTo(expected.rows(600, 10));
    write(operations, rows, 700, expected.change(700, BATCH));
    assertThat(read(operations, rows, 610, 10)).isEqualTo(expected.rows(610, 10));
  }

  /** As blocks do: each batch is read and replaced, the next pass begins again. */
  private void inOrder(Operations operations, StoredRows rows, Expected expected) {
    for (int pass = 0; pass < 4; pass++) {
      for (int from = 0; from < ROWS; from += BATCH) {
        int count = Math.min(BATCH, ROWS - from);
        if (pass > 0) {
          assertThat(read(operations, rows, from, count)).isEqualTo(expected.rows(from, count));
        }
        write(operations, rows, from, expected.change(from, count));
      }
    }
  }

  /** What is read is followed by what may have been sent for before it was written. */
  private void aheadOfTheReader(Operations operations, StoredRows rows, Expected expected) {
    for (int from = 0; from + 2 * BATCH <= ROWS; from += 2 * BATCH) {
      assertThat(read(operations, rows, from, BATCH)).isEqualTo(expected.rows(from, BATCH));
      write(operations, rows, from + BATCH, expected.change(from + BATCH, BATCH));
      assertThat(read(operations, rows, from + BATCH, BATCH))
          .isEqualTo(expected.rows(from + BATCH, BATCH));
    }
  }

  private void inAnyOrder(Operations operations, StoredRows rows, Expected expected) {
    Random random = new Random(7);
    for (int turn = 0; turn < 200; turn++) {
      int from = random.nextInt(ROWS);
      int count = 1 + random.nextInt(Math.min(BATCH, ROWS - from));
      if (random.nextBoolean()) {
        write(operations, rows, from, expected.change(from, count));
      } else {
        assertThat(read(operations, rows, from, count)).isEqualTo(expected.rows(from, count));
      }
    }
  }

  private void throughTheHost(Operations operations, StoredRows rows, Expected expected) {
    MemorySegment all = host(ROWS);
    rows.download(0, all);
    assertThat(all.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(expected.values);
    MemorySegment some = host(600);
    some.copyFrom(MemorySegment.ofArray(expected.change(300, 600)));
    read(operations, rows, 620 - BATCH, BATCH);
    rows.upload(some, 300);
    for (int from : new int[] {620, 270, 480, 850}) {
      assertThat(read(operations, rows, from, BATCH)).isEqualTo(expected.rows(from, BATCH));
    }
  }

  @Test
  void rowsThatAreNotThereAreRefused() {
    GpuDevice device = PretendedCuda.device(ALL_FIT);
    try (GpuBackend backend = new GpuBackend(device, 1);
        StoredRows rows = backend.operations().storedRows(ROWS, COLUMNS);
        Tensor batch = backend.operations().tensor(BATCH, COLUMNS);
        Tensor wide = backend.operations().tensor(BATCH, COLUMNS + 1)) {
      assertThatThrownBy(() -> rows.read(ROWS - BATCH + 1, batch))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> rows.write(-1, batch)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> rows.write(0, wide)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> rows.download(ROWS, host(1)))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
