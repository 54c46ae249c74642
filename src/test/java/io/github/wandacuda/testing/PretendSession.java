package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.system.SharedLibrary;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** A context of the pretend driver with one stream, called through JCuda as it is. */
final class PretendSession {
  final CUstream stream = new CUstream();

  /** Retains a device's context and makes it current. */
  PretendSession(int device) {
    SharedLibrary.inPrivateDirectory(() -> JCudaDriver.setExceptionsEnabled(false));
    CUcontext context = new CUcontext();
    check(JCudaDriver.cuInit(0));
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, PretendSession.device(device)));
    check(JCudaDriver.cuCtxSetCurrent(context));
    check(JCudaDriver.cuStreamCreate(stream, 1));
  }

  static jcuda.driver.CUdevice device(int ordinal) {
    jcuda.driver.CUdevice device = new jcuda.driver.CUdevice();
    check(JCudaDriver.cuDeviceGet(device, ordinal));
    return device;
  }

  static void check(int result) {
    assertThat(result).as(CUresult.stringFor(result)).isEqualTo(CUresult.CUDA_SUCCESS);
  }

  /** Returns PTX that declares one kernel, with parameters of these types. */
  static String ptx(String version, int target, String kernel, String... types) {
    String parameters =
        Stream.of(types)
            .map(type -> "\t.param ." + type + " p" + type.hashCode())
            .collect(Collectors.joining(",\n"));
    return """
    .version %s
    .target sm_%d
    .address_size 64
    .visible .entry %s(
    %s
    )
    .maxntid 256, 1, 1
    {
    \t.shared .align 4 .b8 fixed[32];
    \tret;
    }
    """
        .formatted(version, target, kernel, parameters);
  }

  CUmodule load(String ptx) {
    CUmodule module = new CUmodule();
    check(JCudaDriver.cuModuleLoadData(module, ptx + '\0'));
    return module;
  }

  CUfunction function(String kernel, String... types) {
    return function(load(ptx("7.0", 75, kernel, types)), kernel);
  }

  static CUfunction function(CUmodule module, String kernel) {
    CUfunction function = new CUfunction();
    check(JCudaDriver.cuModuleGetFunction(function, module, kernel));
    return function;
  }

  CUdeviceptr allocate(long bytes) {
    CUdeviceptr buffer = new CUdeviceptr();
    check(JCudaDriver.cuMemAlloc(buffer, bytes));
    return buffer;
  }

  CUdeviceptr upload(int[] values) {
    CUdeviceptr buffer = allocate(4L * values.length);
    check(JCudaDriver.cuMemcpyHtoDAsync(buffer, Pointer.to(values), 4L * values.length, stream));
    synchronize();
    return buffer;
  }

  int[] download(CUdeviceptr buffer, int count) {
    int[] values = new int[count];
    check(JCudaDriver.cuMemcpyDtoH(Pointer.to(values), buffer, 4L * count));
    return values;
  }

  int launch(CUfunction function, int blocks, int threads, int sharedBytes, Object... arguments) {
    Pointer[] addresses = Stream.of(arguments).map(PretendSession::address).toArray(Pointer[]::new);
    return JCudaDriver.cuLaunchKernel(
        function, blocks, 1, 1, threads, 1, 1, sharedBytes, stream, Pointer.to(addresses), null);
  }

  private static Pointer address(Object argument) {
    if (argument instanceof NativePointerObject pointer) {
      return Pointer.to(pointer);
    }
    if (argument instanceof Float value) {
      return Pointer.to(new float[] {value});
    }
    return argument instanceof Long value
        ? Pointer.to(new long[] {value})
        : Pointer.to(new int[] {(Integer) argument});
  }

  int tryToSynchronize() {
    return JCudaDriver.cuStreamSynchronize(stream);
  }

  void synchronize() {
    check(tryToSynchronize());
  }
}
