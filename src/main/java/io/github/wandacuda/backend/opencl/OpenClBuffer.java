package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jocl.cl_mem;

/** Memory of an OpenCL device. */
final class OpenClBuffer implements DeviceBuffer {
  private final OpenClMemory memory;
  private final cl_mem handle;
  private final long bytes;
  private final AtomicBoolean closed;

  /**
   * Stands for memory.
   *
   * @param own whether closing gives it back
   */
  OpenClBuffer(OpenClMemory memory, cl_mem handle, long bytes, boolean own) {
    closed = new AtomicBoolean(!own);
    this.memory = memory;
    this.handle = handle;
    this.bytes = bytes;
  }

  /** Returns the driver's handle. */
  public cl_mem handle() {
    return handle;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      memory.release(handle, bytes);
    }
  }
}
