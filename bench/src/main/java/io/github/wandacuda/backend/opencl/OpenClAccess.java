package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.bench.gpu.DeviceAccess;
import io.github.wandacuda.bench.gpu.DeviceCopy;
import io.github.wandacuda.bench.gpu.Linear;
import java.util.Map;
import java.util.Optional;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_command_queue;
import org.jocl.cl_device_id;

/** OpenCL's own copy, on a command queue for it alone, and the linear layer. */
public final class OpenClAccess implements DeviceAccess {
  private final DeviceQueue queue;
  private final OpenClDevice device;
  private final cl_command_queue copies;

  /** Takes an OpenCL device and a queue of it, which stay the caller's. */
  public OpenClAccess(GpuDevice device, DeviceQueue queue) {
    this.queue = queue;
    this.device = (OpenClDevice) device;
    cl_device_id[] ids = new cl_device_id[1];
    OpenClStatus.check(
        CL.clGetContextInfo(
            this.device.context(),
            CL.CL_CONTEXT_DEVICES,
            Sizeof.cl_device_id,
            Pointer.to(ids),
            null),
        "clGetContextInfo");
    int[] status = new int[1];
    copies = CL.clCreateCommandQueue(this.device.context(), ids[0], 0, status);
    OpenClStatus.check(status[0], "clCreateCommandQueue");
  }

  @Override
  public DeviceCopy copy() {
    return new Copy(copies);
  }

  @Override
  public Map<String, Linear> linears() {
    return Map.of(Linear.OWN, (x, w, out) -> queue.forward().linear(x, w, null, out));
  }

  @Override
  public Optional<Linear> reference() {
    return Optional.empty();
  }

  @Override
  public Map<String, Object> facts() {
    return Map.of();
  }

  @Override
  public void close() {
    CL.clFinish(copies);
    CL.clReleaseCommandQueue(copies);
  }

  private record Copy(cl_command_queue queue) implements DeviceCopy {
    @Override
    public void copy(DeviceBuffer from, DeviceBuffer to) {
      OpenClStatus.check(
          CL.clEnqueueCopyBuffer(
              queue,
              ((OpenClMemory.Buffer) from).handle(),
              ((OpenClMemory.Buffer) to).handle(),
              0,
              0,
              from.bytes(),
              0,
              null,
              null),
          "clEnqueueCopyBuffer");
    }

    @Override
    public void finish() {
      OpenClStatus.check(CL.clFinish(queue), "clFinish");
    }
  }
}
