package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.CallerProgram;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A program that uses the first device's primary context. */
final class CudaCaller implements CallerProgram {
  private final Backend backend;
  private final CUdevice device = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final Stream stream = new Stream();
  private final Map<Long, Address> memory = new HashMap<>();
  private final Arena arena = Arena.ofShared();

  CudaCaller(Backend backend) {
    this.backend = backend;
    check(JCudaDriver.cuDeviceGet(device, 0));
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    enter();
    check(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
  }

  /** Memory that says where it is. */
  static final class Address extends CUdeviceptr {
    long value() {
      return getNativePointer();
    }
  }

  /** A stream that says what it is. */
  static final class Stream extends CUstream {
    long value() {
      return getNativePointer();
    }
  }

  static void check(int result) {
    CudaContext.check(result, "the program", "a call");
  }

  void enter() {
    check(JCudaDriver.cuCtxSetCurrent(context));
  }

  @Override
  public Backend backend() {
    return backend;
  }

  private MemorySegment host(byte[] content) {
    return arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
  }

  @Override
  public long memory(byte[] content) {
    enter();
    Address address = new Address();
    check(JCudaDriver.cuMemAlloc(address, content.length));
    check(JCudaDriver.cuMemcpyHtoD(address, CudaBuffer.pointer(host(content)), content.length));
    memory.put(address.value(), address);
    return address.value();
  }

  @Override
  public long queue() {
    return stream.value();
  }

  @Override
  public byte[] read(long from, int bytes) {
    enter();
    MemorySegment host = arena.allocate(bytes);
    check(JCudaDriver.cuMemcpyDtoH(CudaBuffer.pointer(host), memory.get(from), bytes));
    return host.toArray(ValueLayout.JAVA_BYTE);
  }

  @Override
  public void queueWrite(long to, byte[] content) {
    enter();
    check(
        JCudaDriver.cuMemcpyHtoDAsync(
            memory.get(to), CudaBuffer.pointer(host(content)), content.length, stream));
  }

  @Override
  public void close() {
    enter();
    memory.values().forEach(JCudaDriver::cuMemFree);
    check(JCudaDriver.cuStreamDestroy(stream));
    check(JCudaDriver.cuDevicePrimaryCtxRelease(device));
    backend.close();
    arena.close();
  }
}
