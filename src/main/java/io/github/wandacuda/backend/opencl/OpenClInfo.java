package io.github.wandacuda.backend.opencl;

import java.nio.charset.StandardCharsets;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_device_id;
import org.jocl.cl_kernel;
import org.jocl.cl_platform_id;
import org.jocl.cl_program;

/** OpenCL's queries for facts about platforms, devices, programs and kernels. */
final class OpenClInfo {
  private OpenClInfo() {}

  /** A call of one of OpenCL's {@code clGet...Info} functions. */
  private interface Query {
    int get(long bytes, Pointer value, long[] size);
  }

  static String text(cl_platform_id platform, int parameter) {
    return text(
        "clGetPlatformInfo",
        (bytes, value, size) -> CL.clGetPlatformInfo(platform, parameter, bytes, value, size));
  }

  static String text(cl_device_id device, int parameter) {
    return text(
        "clGetDeviceInfo",
        (bytes, value, size) -> CL.clGetDeviceInfo(device, parameter, bytes, value, size));
  }

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

  /** Returns a {@code cl_uint} or {@code cl_bool}. */
  public static int integer(cl_device_id device, int parameter) {
    int[] value = new int[1];
    OpenClStatus.check(
        CL.clGetDeviceInfo(device, parameter, Sizeof.cl_uint, Pointer.to(value), null),
        "clGetDeviceInfo");
    return value[0];
  }

  /** Returns a {@code cl_ulong} or another type of 64 bits, {@code size_t} on this JVM included. */
  static long wide(cl_device_id device, int parameter) {
    long[] value = new long[1];
    OpenClStatus.check(
        CL.clGetDeviceInfo(device, parameter, Sizeof.cl_ulong, Pointer.to(value), null),
        "clGetDeviceInfo");
    return value[0];
  }

  /** Returns the most work-items of a group with which a kernel can run. */
  static int workGroupSize(cl_kernel kernel, cl_device_id device) {
    long[] value = new long[1];
    OpenClStatus.check(
        CL.clGetKernelWorkGroupInfo(
            kernel, device, CL.CL_KERNEL_WORK_GROUP_SIZE, Sizeof.size_t, Pointer.to(value), null),
        "clGetKernelWorkGroupInfo");
    return (int) Math.min(Integer.MAX_VALUE, value[0]);
  }

  /** Returns the bytes of local memory that a kernel uses without its arguments. */
  static long localBytes(cl_kernel kernel, cl_device_id device) {
    long[] value = new long[1];
    OpenClStatus.check(
        CL.clGetKernelWorkGroupInfo(
            kernel, device, CL.CL_KERNEL_LOCAL_MEM_SIZE, Sizeof.cl_ulong, Pointer.to(value), null),
        "clGetKernelWorkGroupInfo");
    return value[0];
  }
}
