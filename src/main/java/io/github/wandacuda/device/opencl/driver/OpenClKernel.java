package io.github.wandacuda.device.opencl.driver;

import org.jocl.cl_kernel;

/** A kernel that can be launched. Its arguments are set while its lock is held. */
public final class OpenClKernel {
  private final String name;
  private final cl_kernel handle;
  private final int workGroupSize;
  private final long localBytes;

  OpenClKernel(String name, cl_kernel handle, int workGroupSize, long localBytes) {
    this.name = name;
    this.handle = handle;
    this.workGroupSize = workGroupSize;
    this.localBytes = localBytes;
  }

  public String name() {
    return name;
  }

  public cl_kernel handle() {
    return handle;
  }

  /** Returns the most work-items that a group of this kernel may have. */
  public int workGroupSize() {
    return workGroupSize;
  }

  /** Returns the bytes of local memory that the kernel uses without its arguments. */
  public long localBytes() {
    return localBytes;
  }
}
