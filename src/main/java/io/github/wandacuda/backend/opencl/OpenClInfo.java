package io.github.wandacuda.backend.opencl;

import java.nio.charset.StandardCharsets;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_device_id;
import org.jocl.cl_kernel;
import org.jocl.cl_platform_id;
import org.jocl.cl_program;

/**
 * OpenCL's queries for facts about platforms, devices, programs and kernels. All throw a {@link
 * io.github.wandacuda.error.BackendUnavailableException} if the driver refuses to answer.
 */
final class OpenClInfo {
  private OpenClInfo() {}

  /** A call of one of OpenCL's {@code clGet...Info} functions. */
  private interface Query {
    int get(long bytes, Pointer value, long[] size);
  }

  private static Query of(cl_device_id device, int parameter) {
    return (bytes, value, size) -> CL.clGetDeviceInfo(device, parameter, bytes, value, size);
  }

  static String text(cl_platform_id platform, int parameter) {
    return text(
        "clGetPlatformInfo",
        (bytes, value, size) -> CL.clGetPlatformInfo(platform, parameter, bytes, value, size));
  }

  static String text(cl_device_id device, int parameter) {
    return text("clGetDeviceInfo", of(device, parameter));
  }

  /** Asks for the compiler's log of a program. */
  static String buildLog(cl_program program, cl_device_id device) {
    return text(
        "clGetProgramBuildInfo",
        (bytes, value, size) ->
            CL.clGetProgramBuildInfo(program, device, CL.CL_PROGRAM_BUILD_LOG, bytes, value, size));
  }

  private static String text(String call, Query query) {
    long[] size = new long[1];
    OpenClStatus.check(query.get(0, null, size), call);
    byte[] bytes = new byte[Math.toIntExact(size[0])];
    if (bytes.length > 0) {
      OpenClStatus.check(query.get(bytes.length, Pointer.to(bytes), null), call);
    }
    return new String(bytes, StandardCharsets.UTF_8).replace("\0", "").strip();
  }

  /** Asks for a {@code cl_uint} or {@code cl_bool}. */
  static int integer(cl_device_id device, int parameter) {
    return (int) number("clGetDeviceInfo", Sizeof.cl_uint, of(device, parameter));
  }

  /**
   * Asks for a {@code cl_ulong} or another type of 64 bits, among which {@code size_t} is on this
   * JVM.
   */
  static long wide(cl_device_id device, int parameter) {
    return number("clGetDeviceInfo", Sizeof.cl_ulong, of(device, parameter));
  }

  /** Returns the most work-items of a group with which a kernel can run. */
  static int workGroupSize(cl_kernel kernel, cl_device_id device) {
    return (int)
        Math.min(Integer.MAX_VALUE, ofKernel(kernel, device, CL.CL_KERNEL_WORK_GROUP_SIZE));
  }

  /** Returns the bytes of local memory that a kernel uses without its arguments. */
  static long localBytes(cl_kernel kernel, cl_device_id device) {
    return ofKernel(kernel, device, CL.CL_KERNEL_LOCAL_MEM_SIZE);
  }

  private static long ofKernel(cl_kernel kernel, cl_device_id device, int parameter) {
    return number(
        "clGetKernelWorkGroupInfo",
        Sizeof.cl_ulong,
        (bytes, value, size) ->
            CL.clGetKernelWorkGroupInfo(kernel, device, parameter, bytes, value, size));
  }

  /** Returns a number of 4 or 8 bytes; all systems with JOCL are little-endian. */
  private static long number(String call, int bytes, Query query) {
    long[] value = new long[1];
    OpenClStatus.check(query.get(bytes, Pointer.to(value), null), call);
    return value[0];
  }
}
