package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.PretendCudaBuild;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("gpu")
@Tag("pretend")
class CudaQueueTest {
  private final Arena arena = Arena.ofShared();
  private final PretendCuda driver = PretendCuda.start();
  private CudaDevice device;
  private CudaQueue queue;

  @BeforeEach
  void start() {
    device = CudaDevice.open(0, Precision.DEFAULT);
    queue = device.queue();
  }

  @AfterEach
  void nothingIsLeft() {
    arena.close();
    device.close();
    assertThat(driver.outstanding()).isEmpty();
  }

  private MemorySegment random(long bytes, long seed) {
    byte[] values = new byte[(int) bytes];
    new Random(seed).nextBytes(values);
    return arena.allocateFrom(ValueLayout.JAVA_BYTE, values);
  }

  private static byte[] row(MemorySegment memory, long pitch, long row, long rowBytes) {
    return memory.asSlice(row * pitch, rowBytes).toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @CsvSource({
    "10, 10, 10, 7, false", "10, 16, 10, 7, false", "23, 16, 10, 7, true",
    "10, 10, 10, 1, true", "0, 0, 5, 1, false", "4097, 4112, 4097, 33, true"
  })
  void copiesRowsAndNothingElse(
      long hostPitch, long devicePitch, long rowBytes, long rows, boolean deferred) {
    driver.deferred(deferred);
    MemorySegment from = random((rows - 1) * hostPitch + rowBytes, 1);
    MemorySegment deviceBefore = random((rows - 1) * devicePitch + rowBytes, 2);
    MemorySegment to = random(from.byteSize(), 3);
    MemorySegment toBefore = random(from.byteSize(), 3);
    MemorySegment deviceAfter = arena.allocate(deviceBefore.byteSize());
    try (CudaBuffer buffer = device.memory().allocate(deviceBefore.byteSize() + 32)) {
      queue.upload(deviceBefore, buffer.at(32));
      queue.copy(Place.of(from, hostPitch), Place.of(buffer.at(32), devicePitch), rowBytes, rows);
      queue.copy(Place.of(buffer.at(32), devicePitch), Place.of(to, hostPitch), rowBytes, rows);
      queue.download(buffer.at(32), deviceAfter);
      queue.finish();
    }
    for (long row = 0; row < rows; row++) {
      MemorySegment.copy(from, row * hostPitch, deviceBefore, row * devicePitch, rowBytes);
      MemorySegment.copy(from, row * hostPitch, toBefore, row * hostPitch, rowBytes);
      assertThat(row(to, hostPitch, row, rowBytes)).isEqualTo(row(from, hostPitch, row, rowBytes));
    }
    assertThat(deviceAfter.mismatch(deviceBefore)).isEqualTo(-1);
    assertThat(to.mismatch(toBefore)).isEqualTo(-1);
  }

  @Test
  void clearsBytes() {
    MemorySegment host = random(100, 1);
    try (CudaBuffer buffer = device.memory().allocate(100)) {
      queue.upload(host, buffer.at(0));
      queue.clear(buffer.at(7), 50);
      queue.clear(buffer.at(100), 0);
      queue.finish();
      host.asSlice(7, 50).fill((byte) 0);
      MemorySegment result = arena.allocate(100);
      queue.download(buffer.at(0), result);
      queue.finish();
      assertThat(result.mismatch(host)).isEqualTo(-1);
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> queue.clear(buffer.at(51), 50));
    }
  }

  @ParameterizedTest
  @CsvSource({"75, false", "80, true"})
  void passesArgumentsToKernels(int capability, boolean deferred) {
    device.close();
    driver.capability(capability);
    driver.deferred(deferred);
    device = CudaDevice.open(0, Precision.DEFAULT);
    queue = device.queue();
    int count = 1000;
    MemorySegment host = arena.allocate(ValueLayout.JAVA_FLOAT, count);
    for (int i = 0; i < count; i++) {
      host.setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
    }
    MemorySegment result = arena.allocate(ValueLayout.JAVA_FLOAT, 1024);
    try (CudaBuffer in = device.memory().allocate(4096);
        CudaBuffer out = device.memory().allocate(4096 + 64)) {
      CudaFunction reverse = device.function("basics", "reverse_scaled_f32");
      queue.clear(in.at(0), 4096);
      queue.upload(host, in.at(0));
      queue.launch(reverse, new Grid(8, 1, 1), 128, 128 * 4, in.at(0), out.at(64), 0.5f, 1024L);
      queue.download(out.at(64), result);
      if (deferred) {
        assertThat(result.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isZero();
      }
      queue.finish();
    }
    assertThat(driver.launches("reverse_scaled_f32")).isEqualTo(1);
    for (int i = 0; i < count; i++) {
      assertThat(result.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isEqualTo(i * 0.5f);
    }
  }

  /** That is what the real driver finds in the machine code. */
  @Test
  void knowsTheSharedMemoryOfEachKernel() throws IOException {
    Path resources = PretendCudaBuild.GENERATED.resolve("RESOURCES.md");
    String file = "";
    int known = 0;
    for (String line : Files.readAllLines(resources)) {
      if (line.startsWith("## ")) {
        file = line.replaceFirst(".*/", "").replace(".cu", "");
      } else if (line.startsWith("| `")) {
        String[] cells = line.split("\\s*\\|\\s*");
        // Registers, and without a word shared bytes, where there are any.
        String[] sm80 = cells[3].replaceFirst(" / stack.*", "").split(" / ");
        CudaFunction function = device.function(file, cells[1].replace("`", ""));
        assertThat(function.staticSharedBytes())
            .as(line)
            .isEqualTo(sm80.length == 1 ? 0 : Integer.parseInt(sm80[1]));
        known++;
      }
    }
    assertThat(known).isGreaterThan(80);
  }

  @Test
  void allowsAllSharedMemoryThatABlockMayHave() {
    int shared = device.info().sharedBytesPerBlock();
    CudaFunction reverse = device.function("basics", "reverse_scaled_f32");
    try (CudaBuffer buffer = device.memory().allocate(128)) {
      Object[] arguments = {buffer.at(0), buffer.at(0), 1f, 32L};
      Grid one = new Grid(1, 1, 1);
      queue.launch(reverse, one, 32, 48 << 10, arguments);
      assertThat(driver.calls("cuFuncSetAttribute")).isZero();
      assertThat(shared).isGreaterThan(48 << 10);
      assertThatExceptionOfType(BackendUnavailableException.class)
          .isThrownBy(() -> queue.launch(reverse, one, 32, shared + 1, arguments))
          .withMessageStartingWith(
              "cuda device 0 (Pretend GPU sm_80): failed: cuFuncSetAttribute of reverse_scaled_f32"
                  + " to 166913 bytes of shared memory: CUDA_ERROR_INVALID_VALUE (");
      queue.launch(reverse, one, 32, shared, arguments);
      queue.launch(reverse, one, 32, 1000, arguments);
      queue.launch(reverse, one, 32, shared, arguments);
      queue.finish();
      assertThat(driver.calls("cuFuncSetAttribute")).isEqualTo(2);
    }
  }

  @Test
  void threadsShareADevice() throws Exception {
    List<Future<int[]>> results = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int i = 0; i < 4; i++) {
        int first = i * 1000;
        results.add(threads.submit(() -> sums(first)));
      }
      for (int i = 0; i < 4; i++) {
        int first = i * 1000;
        int[] expected =
            IntStream.range(0, 20)
                .map(round -> IntStream.range(0, 256).map(j -> first + round + j).sum())
                .toArray();
        assertThat(results.get(i).get()).isEqualTo(expected);
      }
    }
    assertThat(driver.outstanding()).containsEntry("modules", 1L).containsEntry("streams", 1L);
  }

  private int[] sums(int first) {
    int[] sums = new int[20];
    try (CudaQueue own = device.queue();
        Arena memory = Arena.ofConfined()) {
      CudaFunction sum = device.function("basics", "block_sum_u32");
      MemorySegment host = device.memory().pinned(1024, memory);
      MemorySegment result = device.memory().pinned(4, memory);
      for (int round = 0; round < sums.length; round++) {
        for (int j = 0; j < 256; j++) {
          host.setAtIndex(ValueLayout.JAVA_INT, j, first + round + j);
        }
        try (CudaBuffer in = device.memory().allocate(1024);
            CudaBuffer out = device.memory().allocate(4)) {
          own.upload(host, in.at(0));
          own.launch(sum, new Grid(1, 1, 1), 256, 0, in.at(0), out.at(0), 256);
          own.download(out.at(0), result);
          own.finish();
        }
        sums[round] = result.get(ValueLayout.JAVA_INT, 0);
      }
    }
    return sums;
  }

  @Test
  void closingWaits() {
    driver.deferred(true);
    MemorySegment result = arena.allocate(4);
    result.fill((byte) 1);
    try (CudaBuffer buffer = device.memory().allocate(4)) {
      queue.clear(buffer.at(0), 4);
      queue.download(buffer.at(0), result);
      queue.close();
      queue.close();
      assertThat(result.get(ValueLayout.JAVA_INT, 0)).isZero();
    }
  }
}
