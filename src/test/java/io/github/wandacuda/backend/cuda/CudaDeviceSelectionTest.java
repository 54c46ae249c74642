package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.CallerProgram;
import io.github.wandacuda.backend.gpu.DeviceSelectionCases;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.testing.PretendCuda;
import java.lang.foreign.Arena;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("gpu")
@Tag("pretend")
class CudaDeviceSelectionTest extends DeviceSelectionCases {
  private final PretendCuda driver = PretendCuda.start();

  @Override
  protected CallerProgram open() {
    return new CudaCaller(PretendedCuda.open(80));
  }

  private void prune(long pointer, long stream) {
    prune(DeviceMatrix.cuda(pointer, DType.F32, 2, 8, stream));
  }

  @Test
  void alignedRowsAreNotCopied() {
    long copies = driver.calls("cuMemcpyDtoDAsync") + driver.calls("cuMemcpy2DAsync");
    prune(program().memory(bytes()), program().queue());
    assertThat(driver.calls("cuMemcpyDtoDAsync") + driver.calls("cuMemcpy2DAsync"))
        .isEqualTo(copies);
    prune(program().memory(new byte[bytes().length + 4]) + 4, program().queue());
    assertThat(driver.calls("cuMemcpyDtoDAsync")).as("those that aren't are").isPositive();
  }

  /** The calls that memory of callers alone needs; {@code CudaFaults} has all others. */
  @ParameterizedTest
  @CsvSource({
    "cuPointerGetAttributes, 801",
    "cuEventCreate, 2",
    "cuEventRecord, 801",
    "cuStreamWaitEvent, 400",
    "cuMemcpyDtoDAsync, 1"
  })
  void aCallThatFailsIsNamedAndTheNextPrunes(String call, int result) {
    long pointer = program().memory(new byte[bytes().length + 4]) + 4;
    prune(pointer, program().queue());
    driver.fail(call, 1, result);
    assertThatThrownBy(() -> prune(pointer, program().queue()))
        .isInstanceOf(WandaException.class)
        .hasMessageContaining(call);
    prune(pointer, program().queue());
  }

  @Test
  void anEventThatIsNotGivenBackChangesNothing() {
    long pointer = program().memory(bytes());
    long before = driver.calls("cuEventDestroy");
    prune(pointer, program().queue());
    assertThat(driver.calls("cuEventDestroy")).isGreaterThan(before);
    driver.fail("cuEventDestroy", 1, CUresult.CUDA_ERROR_INVALID_HANDLE);
    prune(pointer, program().queue());
    assertThat(program().read(pointer, bytes().length)).isEqualTo(bytes());
  }

  @Test
  void theDefaultStreamIsWaitedForToo() {
    long pointer = program().memory(bytes());
    prune(pointer, 0);
    assertThat(program().read(pointer, bytes().length)).isEqualTo(bytes());
  }

  @Test
  void pointersGoIntoAnAllocation() {
    long pointer = program().memory(new byte[1024]);
    prune(pointer + 512, program().queue());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> prune(pointer + 1000, program().queue()))
        .withMessage(
            "memory: the matrix needs 64 bytes from byte 0 on, the allocation has 24 from the"
                + " pointer on");
  }

  @Test
  void hostMemoryIsRefused() {
    try (Arena arena = Arena.ofConfined();
        Arena pinned = Arena.ofShared()) {
      long heap = arena.allocate(64).address();
      long host = program().backend().hostMemory(64, pinned).address();
      for (long pointer : new long[] {heap, host}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> prune(pointer, program().queue()))
            .withMessage(
                "memory: expected a pointer to device memory, found 0x%x, which the driver doesn't"
                    + " know as such",
                pointer);
      }
    }
  }

  @Test
  void otherContextsAreRefused() {
    driver.devices(2);
    CUcontext second = new CUcontext();
    CUdevice device = new CUdevice();
    for (int ordinal = 0; ordinal < 2; ordinal++) {
      CudaCaller.check(JCudaDriver.cuDeviceGet(device, ordinal));
      CudaCaller.check(JCudaDriver.cuCtxCreate(second, 0, device));
      CudaCaller.Address foreign = new CudaCaller.Address();
      CudaCaller.Stream stream = new CudaCaller.Stream();
      CudaCaller.check(JCudaDriver.cuMemAlloc(foreign, 64));
      CudaCaller.check(JCudaDriver.cuStreamCreate(stream, 0));
      String found = "0x%x of ".formatted(foreign.value());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> prune(foreign.value(), program().queue()))
          .withMessageContaining(found + (ordinal == 0 ? "another one" : "device 1"));
      long own = program().memory(bytes());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> prune(own, stream.value()))
          .withMessage(
              "queue: expected a stream of the device's primary context, found 0x%x",
              stream.value());
      CudaCaller.check(JCudaDriver.cuCtxSetCurrent(second));
      CudaCaller.check(JCudaDriver.cuMemFree(foreign));
      CudaCaller.check(JCudaDriver.cuStreamDestroy(stream));
      CudaCaller.check(JCudaDriver.cuCtxDestroy(second));
    }
  }
}
