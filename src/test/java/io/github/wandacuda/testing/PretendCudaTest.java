package io.github.wandacuda.testing;

import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_CONTEXT;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_LAUNCH_FAILED;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_FOUND;
import static jcuda.driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.PretendCuda.Order;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The pretend driver as JCuda sees it. */
@Tag("gpu")
@Tag("pretend")
@Thorough
class PretendCudaTest {
  private static final String SUM = "block_sum_u32";
  private static final String[] SUM_TYPES = {"u64", "u64", "u32"};
  private static final int ILLEGAL_ADDRESS = 700;
  private static final int MISALIGNED_ADDRESS = 716;
  private static final int INVALID_PTX = 218;
  private static final int UNSUPPORTED_PTX_VERSION = 222;
  private static final int NO_BINARY_FOR_GPU = 209;

  private final PretendCuda driver = PretendCuda.start();
  private PretendSession session;

  @BeforeEach
  void start() {
    driver.devices(2);
    session = new PretendSession(0);
  }

  @AfterEach
  void reset() {
    PretendCuda.start();
  }

  private static int[] values(int count) {
    return IntStream.range(0, count).map(i -> i * 31).toArray();
  }

  private static int[] sums(int[] values) {
    return IntStream.range(0, (values.length + 255) / 256)
        .map(block -> Arrays.stream(values).skip(256L * block).limit(256).sum())
        .toArray();
  }

  @ParameterizedTest
  @EnumSource(Order.class)
  void runsAKernel(Order order) {
    driver.order(order, 7);
    int[] values = values(1000);
    CUdeviceptr in = session.upload(values);
    CUdeviceptr out = session.allocate(16);
    CUfunction sum = session.function(SUM, SUM_TYPES);
    PretendSession.check(session.launch(sum, 4, 256, 0, in, out, values.length));
    session.synchronize();
    assertThat(session.download(out, 4)).isEqualTo(sums(values));
    assertThat(driver.launches(SUM)).isEqualTo(1);
    assertThat(driver.launches("another")).isZero();
    assertThat(driver.launches()).isEqualTo(1);
  }

  @Test
  void doesDeferredWorkWhenItIsWaitedFor() {
    driver.deferred(true);
    int[] values = values(256);
    int[] result = {-1};
    CUdeviceptr in = session.allocate(1024);
    CUdeviceptr out = session.allocate(4);
    Pointer from = Pointer.to(java.nio.ByteBuffer.allocateDirect(1024));
    java.nio.IntBuffer host =
        from.getByteBuffer(0, 1024).order(java.nio.ByteOrder.nativeOrder()).asIntBuffer();
    host.put(0, values);
    PretendSession.check(JCudaDriver.cuMemcpyHtoDAsync(in, from, 1024, session.stream));
    CUfunction sum = session.function(SUM, SUM_TYPES);
    PretendSession.check(session.launch(sum, 1, 256, 0, in, out, values.length));
    assertThat(JCudaDriver.cuStreamQuery(session.stream)).isEqualTo(600);
    // The copy was done by asking; what is written to the buffer before would have shown.
    host.put(0, new int[256]);
    session.synchronize();
    PretendSession.check(JCudaDriver.cuMemcpyDtoH(Pointer.to(result), out, 4));
    assertThat(result).isEqualTo(sums(values));
  }

  @Test
  void seesAHostBufferThatIsReusedTooEarly() {
    driver.deferred(true);
    CUdeviceptr buffer = session.allocate(4);
    java.nio.ByteBuffer host = java.nio.ByteBuffer.allocateDirect(4);
    host.put(0, (byte) 1);
    PretendSession.check(
        JCudaDriver.cuMemcpyHtoDAsync(buffer, Pointer.to(host), 4, session.stream));
    host.put(0, (byte) 2);
    session.synchronize();
    assertThat(session.download(buffer, 1)).containsExactly(2);
  }

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void ordersStreamsByEvents(boolean deferred) {
    driver.deferred(deferred);
    CUstream second = new CUstream();
    CUevent event = new CUevent();
    PretendSession.check(JCudaDriver.cuStreamCreate(second, 1));
    PretendSession.check(JCudaDriver.cuEventCreate(event, 2));
    CUdeviceptr buffer = session.allocate(4);
    PretendSession.check(JCudaDriver.cuMemsetD32Async(buffer, 5, 1, session.stream));
    PretendSession.check(JCudaDriver.cuEventRecord(event, session.stream));
    PretendSession.check(JCudaDriver.cuStreamWaitEvent(second, event, 0));
    PretendSession.check(JCudaDriver.cuMemsetD8Async(buffer, (byte) 1, 1, second));
    PretendSession.check(JCudaDriver.cuStreamSynchronize(second));
    assertThat(session.download(buffer, 1)).containsExactly(1);
    PretendSession.check(JCudaDriver.cuEventSynchronize(event));
    PretendSession.check(JCudaDriver.cuEventQuery(event));
  }

  @Test
  void countsWhatIsNotGivenBack() {
    CUdeviceptr buffer = session.allocate(100);
    CUmodule module = session.load(PretendSession.ptx("7.0", 75, SUM, SUM_TYPES));
    Pointer pinned = new Pointer();
    PretendSession.check(JCudaDriver.cuMemHostAlloc(pinned, 10, 0));
    assertThat(driver.outstanding())
        .isEqualTo(
            Map.of(
                "buffers", 1L,
                "bufferBytes", 100L,
                "pinned", 1L,
                "modules", 1L,
                "streams", 1L,
                "contexts", 1L));
    PretendSession.check(JCudaDriver.cuMemFree(buffer));
    PretendSession.check(JCudaDriver.cuMemFreeHost(pinned));
    PretendSession.check(JCudaDriver.cuModuleUnload(module));
    PretendSession.check(JCudaDriver.cuStreamDestroy(session.stream));
    PretendSession.check(JCudaDriver.cuDevicePrimaryCtxRelease(PretendSession.device(0)));
    assertThat(driver.outstanding()).isEmpty();
    assertThat(JCudaDriver.cuCtxSynchronize()).isEqualTo(CUDA_ERROR_INVALID_CONTEXT);
  }

  @Test
  void refusesWhatIsNotThere() {
    CUdeviceptr buffer = session.allocate(16);
    PretendSession.check(JCudaDriver.cuMemFree(buffer));
    assertThat(JCudaDriver.cuMemFree(buffer)).isEqualTo(CUDA_ERROR_INVALID_VALUE);
    CUstream stream = session.stream;
    PretendSession.check(JCudaDriver.cuStreamDestroy(stream));
    assertThat(JCudaDriver.cuStreamSynchronize(stream)).isEqualTo(CUDA_ERROR_INVALID_HANDLE);
    assertThat(JCudaDriver.cuMemFreeHost(Pointer.to(new int[1])))
        .isEqualTo(CUDA_ERROR_INVALID_VALUE);
  }

  @Test
  void refusesCopiesBeyondABuffer() {
    CUdeviceptr buffer = session.allocate(15);
    int[] host = new int[4];
    assertThat(JCudaDriver.cuMemcpyHtoDAsync(buffer, Pointer.to(host), 16, session.stream))
        .isEqualTo(CUDA_ERROR_INVALID_VALUE);
    assertThat(JCudaDriver.cuMemcpyDtoH(Pointer.to(host), buffer.withByteOffset(8), 8))
        .isEqualTo(CUDA_ERROR_INVALID_VALUE);
    assertThat(JCudaDriver.cuMemsetD8Async(buffer, (byte) 0, 16, session.stream))
        .isEqualTo(CUDA_ERROR_INVALID_VALUE);
  }

  @Test
  void keepsDevicesApart() {
    CUdeviceptr buffer = session.allocate(1024);
    CUfunction sum = session.function(SUM, SUM_TYPES);
    PretendSession other = new PretendSession(1);
    assertThat(JCudaDriver.cuMemFree(buffer)).isEqualTo(CUDA_ERROR_INVALID_VALUE);
    assertThat(other.launch(sum, 1, 32, 0, buffer, buffer, 1)).isEqualTo(CUDA_ERROR_INVALID_HANDLE);
    CUfunction own = other.function(SUM, SUM_TYPES);
    int launched = other.launch(own, 1, 32, 0, buffer, buffer, 1);
    assertThat(launched == 0 ? other.tryToSynchronize() : launched).isEqualTo(ILLEGAL_ADDRESS);
    // The first device goes on.
    CUcontext first = new CUcontext();
    PretendSession.check(JCudaDriver.cuDevicePrimaryCtxRetain(first, PretendSession.device(0)));
    PretendSession.check(JCudaDriver.cuCtxSetCurrent(first));
    session.synchronize();
  }

  @Test
  void refusesAMisalignedPointer() {
    CUdeviceptr in = session.upload(values(4));
    CUfunction sum = session.function(SUM, SUM_TYPES);
    int launched = session.launch(sum, 1, 32, 0, in.withByteOffset(2), in, 1);
    assertThat(launched == 0 ? session.tryToSynchronize() : launched).isEqualTo(MISALIGNED_ADDRESS);
  }

  @ParameterizedTest
  @CsvSource({"257, 0", "1025, 0", "0, 0", "32, 49152", "32, 200000"})
  void refusesLaunchesThatDontFit(int threads, int sharedBytes) {
    CUdeviceptr in = session.upload(values(4));
    CUfunction sum = session.function(SUM, SUM_TYPES);
    assertThat(session.launch(sum, 1, threads, sharedBytes, in, in, 1))
        .isEqualTo(CUDA_ERROR_INVALID_VALUE);
  }

  @Test
  void grantsMoreSharedMemoryToWhoAsks() {
    CUdeviceptr in = session.upload(values(4));
    CUfunction sum = session.function(SUM, SUM_TYPES);
    int most = (163 << 10) - 32;
    assertThat(JCudaDriver.cuFuncSetAttribute(sum, 8, most + 1))
        .isEqualTo(CUDA_ERROR_INVALID_VALUE);
    PretendSession.check(JCudaDriver.cuFuncSetAttribute(sum, 8, most));
    PretendSession.check(session.launch(sum, 1, 32, most, in, in, 1));
    session.synchronize();
  }

  @ParameterizedTest
  @CsvSource({
    "block_sum_u32, u64, u64, u64", // a parameter of another size
    "block_sum_u32, u64, u64, f32", // of another kind
    "block_sum_u32, u64, u64, ", // one less
    "unknown_u32, u64, u64, u32", // a kernel that isn't in the sources
  })
  void refusesPtxThatIsNotOfTheseSources(String kernel, String first, String second, String last) {
    String[] types =
        last == null ? new String[] {first, second} : new String[] {first, second, last};
    CUmodule module = session.load(PretendSession.ptx("7.0", 75, kernel, types));
    assertThat(JCudaDriver.cuModuleGetFunction(new CUfunction(), module, kernel))
        .isEqualTo(CUDA_ERROR_NOT_FOUND);
  }

  @Test
  void refusesPtxThatADeviceCouldNotRun() {
    CUmodule module = new CUmodule();
    String good = PretendSession.ptx("7.8", 80, SUM, SUM_TYPES);
    assertThat(JCudaDriver.cuModuleLoadData(module, good + "garbage\0")).isEqualTo(INVALID_PTX);
    String tooNew = PretendSession.ptx("7.9", 80, SUM, SUM_TYPES);
    assertThat(JCudaDriver.cuModuleLoadData(module, tooNew + '\0'))
        .isEqualTo(UNSUPPORTED_PTX_VERSION);
    driver.driverVersion(12060);
    PretendSession.check(JCudaDriver.cuModuleLoadData(module, tooNew + '\0'));
    driver.capability(75);
    assertThat(JCudaDriver.cuModuleLoadData(module, good + '\0')).isEqualTo(NO_BINARY_FOR_GPU);
  }

  @Test
  void endsAtTheMemoryLimit() {
    driver.memory(1000);
    CUdeviceptr buffer = session.allocate(600);
    long[] free = new long[1];
    long[] total = new long[1];
    PretendSession.check(JCudaDriver.cuMemGetInfo(free, total));
    assertThat(free[0]).isEqualTo(400);
    assertThat(total[0]).isEqualTo(1000);
    assertThat(JCudaDriver.cuMemAlloc(new CUdeviceptr(), 401)).isEqualTo(CUDA_ERROR_OUT_OF_MEMORY);
    PretendSession.check(JCudaDriver.cuMemFree(buffer));
    session.allocate(1000);
  }

  @Test
  void failsTheNthAllocation() {
    driver.fail("cuMemAlloc", 2, CUDA_ERROR_OUT_OF_MEMORY);
    session.allocate(1);
    assertThat(JCudaDriver.cuMemAlloc(new CUdeviceptr(), 1)).isEqualTo(CUDA_ERROR_OUT_OF_MEMORY);
    session.allocate(1);
  }

  @Test
  void aFailedLaunchTakesTheContextWithIt() {
    driver.fail("cuLaunchKernel", 2, CUDA_ERROR_LAUNCH_FAILED);
    CUdeviceptr in = session.upload(values(4));
    CUfunction sum = session.function(SUM, SUM_TYPES);
    PretendSession.check(session.launch(sum, 1, 32, 0, in, in, 1));
    session.synchronize();
    int launched = session.launch(sum, 1, 32, 0, in, in, 1);
    assertThat(launched == 0 ? session.tryToSynchronize() : launched)
        .isEqualTo(CUDA_ERROR_LAUNCH_FAILED);
    assertThat(JCudaDriver.cuMemAlloc(new CUdeviceptr(), 1)).isEqualTo(CUDA_ERROR_LAUNCH_FAILED);
    // What is given back counts as given back.
    assertThat(JCudaDriver.cuMemFree(in)).isEqualTo(CUDA_ERROR_LAUNCH_FAILED);
    assertThat(driver.outstanding()).doesNotContainKey("buffers");
    PretendSession.check(JCudaDriver.cuDevicePrimaryCtxRelease(PretendSession.device(0)));
    new PretendSession(0).allocate(1);
  }
}
