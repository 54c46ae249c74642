package io.github.wandacuda.testing;

import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_CONTEXT;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_FOUND;
import static jcuda.driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY;
import static jcuda.driver.CUresult.CUDA_ERROR_UNKNOWN;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.PretendCuda.Order;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.driver.CUcomputemode;
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
import org.junit.jupiter.params.provider.ValueSource;

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

  /** Of a kernel without launch bounds; columns: capability, threads, result. */
  @ParameterizedTest
  @CsvSource({
    "75, 384, 0", // 12 warps of 168 registers
    "75, 385, 701",
    "86, 1, 701" // a deep stack
  })
  void refusesMoreRegistersOrStackThanThereAre(int capability, int threads, int result) {
    driver.capability(capability);
    String ptx = PretendSession.ptx("7.0", 75, "refused", "u32", "u64", "u64");
    CUmodule module = session.load(ptx.replace(".maxntid 256, 1, 1", ""));
    CUfunction refused = PretendSession.function(module, "refused");
    CUdeviceptr unused = session.allocate(4);
    assertThat(session.launch(refused, 1, threads, 0, 99, unused, unused)).isEqualTo(result);
    // It is the launch that failed, not the context.
    session.synchronize();
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

  private static long free(long total) {
    long[] free = new long[1];
    long[] all = new long[1];
    PretendSession.check(JCudaDriver.cuMemGetInfo(free, all));
    assertThat(all[0]).isEqualTo(total);
    return free[0];
  }

  @Test
  void memoryComesInPiecesThatSmallBuffersShare() {
    long piece = 2 << 20;
    long total = 1L << 30;
    long free = total - 2 * piece;
    assertThat(free(total)).as("beside the context").isEqualTo(free);
    CUdeviceptr large = session.allocate(piece + 1);
    assertThat(free(total)).isEqualTo(free - 2 * piece);
    CUdeviceptr small = session.allocate(1);
    session.allocate(piece / 2);
    assertThat(free(total)).isEqualTo(free - 3 * piece);
    session.allocate(piece / 2);
    assertThat(free(total)).as("after more than a piece").isEqualTo(free - 4 * piece);
    PretendSession.check(JCudaDriver.cuMemFree(small));
    assertThat(free(total)).isEqualTo(free - 4 * piece);
    PretendSession.check(JCudaDriver.cuMemFree(large));
    assertThat(free(total)).isEqualTo(free - 2 * piece);
  }

  @Test
  void endsAtTheMemoryLimit() {
    long total = 64 << 20;
    long piece = 128 << 10;
    driver.memory(total);
    CUdeviceptr buffer = session.allocate(total - 4 * piece);
    assertThat(free(total)).isEqualTo(2 * piece);
    assertThat(JCudaDriver.cuMemAlloc(new CUdeviceptr(), 2 * piece + 1))
        .isEqualTo(CUDA_ERROR_OUT_OF_MEMORY);
    session.allocate(piece + 1);
    assertThat(JCudaDriver.cuMemAlloc(new CUdeviceptr(), 1)).isEqualTo(CUDA_ERROR_OUT_OF_MEMORY);
    PretendSession.check(JCudaDriver.cuMemFree(buffer));
    session.allocate(total - 4 * piece);
  }

  @Test
  void aContextThatDoesNotFitIsRefused() {
    session.allocate(1 << 29);
    driver.memory(1 << 29);
    PretendSession.check(
        JCudaDriver.cuDevicePrimaryCtxRetain(new CUcontext(), PretendSession.device(0)));
    assertThat(JCudaDriver.cuCtxCreate(new CUcontext(), 0, PretendSession.device(0)))
        .isEqualTo(CUDA_ERROR_OUT_OF_MEMORY);
  }

  @Test
  void aProhibitedDeviceHasNoContexts() {
    driver.computeMode(CUcomputemode.CU_COMPUTEMODE_PROHIBITED);
    assertThat(JCudaDriver.cuDevicePrimaryCtxRetain(new CUcontext(), PretendSession.device(1)))
        .isEqualTo(CUDA_ERROR_UNKNOWN);
  }

  @Test
  void failsTheNthAllocation() {
    driver.fail("cuMemAlloc", 2, CUDA_ERROR_OUT_OF_MEMORY);
    session.allocate(1);
    assertThat(JCudaDriver.cuMemAlloc(new CUdeviceptr(), 1)).isEqualTo(CUDA_ERROR_OUT_OF_MEMORY);
    session.allocate(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {700, 702, 710, 714, 715, 716, 717, 718, 719})
  void aFailedLaunchTakesTheContextWithIt(int result) {
    driver.fail("cuLaunchKernel", 2, result);
    CUdeviceptr in = session.upload(values(4));
    CUfunction sum = session.function(SUM, SUM_TYPES);
    CUevent event = new CUevent();
    PretendSession.check(JCudaDriver.cuEventCreate(event, 0));
    PretendSession.check(session.launch(sum, 1, 32, 0, in, in, 1));
    session.synchronize();
    int launched = session.launch(sum, 1, 32, 0, in, in, 1);
    assertThat(launched == 0 ? session.tryToSynchronize() : launched).isEqualTo(result);
    // Another error that a later call would have is not seen any more.
    driver.fail("cuMemcpyDtoHAsync", 1, CUDA_ERROR_INVALID_VALUE);
    driver.fail("cuStreamDestroy", 1, 999);
    int[] host = new int[1];
    assertThat(
            new int[] {
              JCudaDriver.cuMemAlloc(new CUdeviceptr(), 1),
              JCudaDriver.cuMemcpyDtoHAsync(Pointer.to(host), in, 4, session.stream),
              JCudaDriver.cuEventRecord(event, session.stream),
              JCudaDriver.cuEventSynchronize(event),
              JCudaDriver.cuCtxSynchronize(),
              JCudaDriver.cuMemGetInfo(new long[1], new long[1]),
              JCudaDriver.cuModuleLoadData(new CUmodule(), "\0"),
              JCudaDriver.cuEventDestroy(event),
              JCudaDriver.cuStreamDestroy(session.stream),
              JCudaDriver.cuMemFree(in)
            })
        .containsOnly(result);
    // What is given back counts as given back.
    assertThat(driver.outstanding()).doesNotContainKeys("buffers", "events", "streams");
    PretendSession.check(JCudaDriver.cuDevicePrimaryCtxRelease(PretendSession.device(0)));
    new PretendSession(0).allocate(1);
  }

  /** A launch that is refused, and what says that others have the device. */
  @ParameterizedTest
  @ValueSource(ints = {46, 701, 800, 801})
  void otherErrorsLeaveTheContext(int result) {
    driver.fail("cuLaunchKernel", 1, result);
    CUdeviceptr in = session.upload(values(4));
    CUfunction sum = session.function(SUM, SUM_TYPES);
    assertThat(session.launch(sum, 1, 32, 0, in, in, 1)).isEqualTo(result);
    PretendSession.check(session.launch(sum, 1, 32, 0, in, in, 1));
    session.synchronize();
  }
}
