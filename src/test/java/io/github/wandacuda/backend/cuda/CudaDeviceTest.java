package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.PretendCuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("gpu")
@Tag("pretend")
class CudaDeviceTest {
  @AutoClose private final PretendCuda driver = PretendCuda.start();

  @Test
  void saysHowMuchMemoryWasMissing() {
    driver.memory(1 << 20);
    int context = 4 << 10;
    int free = (424 << 10) - context;
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT);
        CudaBuffer most = device.memory().allocate(600 << 10)) {
      assertThat(device.largestBuffer()).isEqualTo(1 << 20);
      assertThat(device.memory().freeBytes()).isEqualTo(free);
      assertThatExceptionOfType(DeviceMemoryException.class)
          .isThrownBy(() -> device.memory().allocate(free + 1))
          .withMessage(
              "cuda device 0 (Pretend GPU sm_80): out of device memory: expected %d free bytes,"
                  + " found %d",
              free + 1, free);
      most.close();
      assertThat(device.memory().freeBytes()).isEqualTo((1 << 20) - context);
      device.memory().allocate((1 << 20) - context).close();
    }
  }

  @Test
  void buffersAreAligned() {
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT);
        CudaBuffer first = device.memory().allocate(1);
        CudaBuffer second = device.memory().allocate(1)) {
      assertThat(first.address() % 256).isZero();
      assertThat(second.address() % 256).isZero();
      assertThatIllegalArgumentException().isThrownBy(() -> device.memory().allocate(0));
    }
  }

  @Test
  void givesEverythingBackOnce() {
    CudaDevice device = CudaDevice.open(0, Precision.DEFAULT);
    CudaBuffer closed = device.memory().allocate(10);
    closed.close();
    closed.close();
    CudaBuffer left = device.memory().allocate(20);
    CudaQueue queue = device.queue();
    assertThat(device.function("basics", "block_sum_u32").name()).isEqualTo("block_sum_u32");
    assertThat(driver.outstanding())
        .isEqualTo(
            Map.of(
                "buffers", 1L, "bufferBytes", 20L, "streams", 1L, "modules", 1L, "contexts", 1L));
    device.close();
    assertThat(driver.outstanding()).isEmpty();
    left.close();
    queue.close();
    device.close();
    assertThatIllegalStateException().isThrownBy(() -> device.memory().allocate(1));
  }

  @Test
  void pinnedMemoryIsItsArenas() {
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT)) {
      try (Arena arena = Arena.ofShared()) {
        MemorySegment memory = device.memory().pinned(5000, arena);
        assertThat(memory.byteSize()).isEqualTo(5000);
        memory.fill((byte) 7);
        assertThat(driver.outstanding()).containsEntry("pinned", 1L);
      }
      assertThat(driver.outstanding()).isEqualTo(Map.of("contexts", 1L));
    }
  }

  @Test
  void pinnedMemoryMayOutliveTheDevice() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory;
      try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT)) {
        memory = device.memory().pinned(8, arena);
      }
      memory.set(ValueLayout.JAVA_LONG, 0, 5);
      assertThat(memory.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(5);
      assertThat(driver.outstanding()).isEqualTo(Map.of("pinned", 1L, "contexts", 1L));
    }
  }

  @Test
  void hostMemoryThatCanNotBePinned() {
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT);
        Arena arena = Arena.ofConfined()) {
      driver.fail("cuMemHostAlloc", 1, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
      assertThatExceptionOfType(DeviceMemoryException.class)
          .isThrownBy(() -> device.memory().pinned(5000, arena))
          .withMessageStartingWith(
              "cuda device 0 (Pretend GPU sm_80): 5000 bytes of host memory can't be pinned:"
                  + " CUDA_ERROR_OUT_OF_MEMORY (");
      assertThatIllegalArgumentException().isThrownBy(() -> device.memory().pinned(0, arena));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {75, 80, 90})
  void loadsAFileOnce(int capability) {
    driver.capability(capability);
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT)) {
      assertThat(device.info().capability()).isEqualTo(capability);
      CudaFunction sum = device.function("basics", "block_sum_u32");
      assertThat(device.function("basics", "block_sum_u32")).isSameAs(sum);
      assertThat(device.function("basics", "reverse_scaled_f32")).isNotSameAs(sum);
      assertThat(driver.outstanding()).containsEntry("modules", 1L);
    }
  }

  @Test
  void saysWhatIsWrongWithAKernel() {
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT)) {
      assertThatExceptionOfType(BackendUnavailableException.class)
          .isThrownBy(() -> device.function("basics", "missing"))
          .withMessageStartingWith(
              "cuda device 0 (Pretend GPU sm_80): failed: cuModuleGetFunction of missing in basics:"
                  + " CUDA_ERROR_NOT_FOUND (");
      assertThatExceptionOfType(BackendUnavailableException.class)
          .isThrownBy(() -> device.function("no_file", "missing"))
          .withMessage(
              "cuda device 0 (Pretend GPU sm_80): this build has no kernel file no_file for compute"
                  + " capability 8.0");
      assertThatExceptionOfType(BackendUnavailableException.class)
          .isThrownBy(() -> device.function("unfinished", "unfinished"))
          .withMessageStartingWith(
              "cuda device 0 (Pretend GPU sm_80): failed: cuModuleLoadDataEx of unfinished (a body"
                  + " that doesn't end): CUDA_ERROR_INVALID_PTX (");
    }
  }

  @Test
  void devicesAreApart() {
    driver.devices(3);
    List<CudaDevice> devices =
        IntStream.range(0, 3).mapToObj(i -> CudaDevice.open(i, Precision.DEFAULT)).toList();
    List<CudaQueue> queues = devices.stream().map(CudaDevice::queue).toList();
    List<CudaBuffer> buffers = devices.stream().map(device -> device.memory().allocate(4)).toList();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(ValueLayout.JAVA_INT, 3);
      for (int i = 0; i < 3; i++) {
        host.setAtIndex(ValueLayout.JAVA_INT, i, 100 + i);
        queues.get(i).upload(host.asSlice(4L * i, 4), buffers.get(i).at(0));
      }
      queues.forEach(CudaQueue::finish);
      host.fill((byte) 0);
      for (int i = 2; i >= 0; i--) {
        queues.get(i).download(buffers.get(i).at(0), host.asSlice(4L * i, 4));
      }
      queues.forEach(CudaQueue::finish);
      assertThat(host.toArray(ValueLayout.JAVA_INT)).containsExactly(100, 101, 102);
      devices.get(1).close();
      queues.get(0).clear(buffers.get(0).at(0), 4);
      queues.get(0).finish();
      assertThat(devices.get(2).memory().freeBytes()).isEqualTo((1L << 30) - (6 << 20));
    }
    devices.forEach(CudaDevice::close);
  }
}
