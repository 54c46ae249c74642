package io.github.wandacuda.backend.opencl;

import org.jocl.cl_kernel;

/** A kernel that can be launched. Its arguments are set while its lock is held. */
final class OpenClKernel {
  private final String name;
  private final cl_kernel handle;
  private final int items;
  private final long localBytes;

  OpenClKernel(String name, cl_kernel handle, int items, long localBytes) {
    this.name = name;
    this.handle = handle;
    this.items = items;
    this.localBytes = localBytes;
  }

  public String name() {
    return name;
  }

  public cl_kernel handle() {
    return handle;
  }

  /** Returns the work-items of a group that this kernel is built for, a power of two. */
  public int items() {
    return items;
  }

  /** Returns the bytes of local memory that the kernel uses without its arguments. */
  public long localBytes() {
    return localBytes;
  }
}
