package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.PretendCuda;
import java.lang.foreign.Arena;
import java.time.Duration;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A device that fails for good says so in a line, and everything is given back all the same. */
@Tag("gpu")
@Tag("pretend")
class LostDeviceTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @AutoClose private final PretendCuda driver = PretendCuda.start();

  @ParameterizedTest
  @ValueSource(
      ints = {
        CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
        CUresult.CUDA_ERROR_ASSERT,
        CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
        CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
        CUresult.CUDA_ERROR_INVALID_PC,
        CUresult.CUDA_ERROR_LAUNCH_FAILED
      })
  void aLaunchThatFails(int result) {
    Assertions.assertTimeoutPreemptively(PATIENCE, () -> failALaunch(result));
  }

  private void failALaunch(int result) {
    driver.deferred(true);
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT);
        Arena arena = Arena.ofShared();
        CudaQueue queue = device.queue();
        CudaBuffer buffer = device.memory().allocate(1024)) {
      device.memory().pinned(100, arena).fill((byte) 0);
      CudaFunction sum = device.function("basics", "block_sum_u32");
      driver.fail("cuLaunchKernel", 1, result);
      queue.launch(sum, new Grid(1, 1, 1), 256, 0, buffer.at(0), buffer.at(0), 256);
      String line =
          "cuda device 0 (Pretend GPU sm_80): the device was lost, as seen by %s: "
              + CudaContext.describe(result);
      String launch = "block_sum_u32, Grid[x=1, y=1, z=1] of %d threads";
      assertLost(
          queue::finish, line.formatted("cuStreamSynchronize after " + launch.formatted(256)));
      assertLost(() -> device.memory().allocate(10), line.formatted("cuMemAlloc of 10 bytes"));
      assertLost(
          () -> queue.launch(sum, new Grid(1, 1, 1), 1, 0, buffer.at(0), buffer.at(0), 1),
          line.formatted("cuLaunchKernel of " + launch.formatted(1)));
    }
  }

  private static void assertLost(Runnable call, String line) {
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(call::run)
        .withMessage(line);
    assertThat(line).doesNotContain("\n");
  }

  @Test
  void aDeviceThatOthersHaveIsNotLost() {
    driver.fail("cuDevicePrimaryCtxRetain", 1, CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE);
    assertThatExceptionOfType(BackendUnavailableException.class)
        .isThrownBy(() -> CudaDevice.open(0, Precision.DEFAULT).close())
        .withMessageStartingWith(
            "cuda device 0 (Pretend GPU sm_80): failed: cuDevicePrimaryCtxRetain");
  }

  @ParameterizedTest
  @CsvSource({"cuMemcpyHtoDAsync, true", "cuMemcpy2DAsync, false"})
  void aCopyThatFails(String call, boolean dense) {
    try (CudaDevice device = CudaDevice.open(0, Precision.DEFAULT);
        Arena arena = Arena.ofConfined()) {
      CudaQueue queue = device.queue();
      CudaBuffer buffer = device.memory().allocate(100);
      driver.fail(call, 1, CUresult.CUDA_ERROR_LAUNCH_FAILED);
      assertThatExceptionOfType(BackendUnavailableException.class)
          .isThrownBy(
              () ->
                  queue.copy(
                      Place.of(arena.allocate(100), dense ? 10 : 20),
                      Place.of(buffer.at(0), 10),
                      10,
                      4))
          .withMessageStartingWith(
              "cuda device 0 (Pretend GPU sm_80): the device was lost, as seen by " + call);
    }
  }
}
