package io.github.wandacuda.backend.opencl;

/**
 * A {@code __local} argument of a kernel, whose size is chosen at the launch.
 *
 * @param bytes its size in bytes, 1 or more
 */
record LocalMemory(long bytes) {
  public LocalMemory {
    if (bytes < 1) {
      throw new IllegalArgumentException("local memory of " + bytes + " bytes");
    }
  }
}
