package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DevicePointer;
import jcuda.driver.CUdeviceptr;

/** A piece of a device's memory. */
final class CudaBuffer implements DeviceBuffer {
  private final CudaMemory memory;
  private final DeviceAddress address;
  private final long bytes;

  CudaBuffer(CudaMemory memory, DeviceAddress address, long bytes) {
    this.memory = memory;
    this.address = address;
    this.bytes = bytes;
  }

  /**
   * Returns the buffer of an address.
   *
   * @throws IllegalArgumentException if it is another backend's
   */
  static CudaBuffer of(DevicePointer place) {
    if (place.buffer() instanceof CudaBuffer own) {
      return own;
    }
    throw new IllegalArgumentException("memory of another backend");
  }

  /** Returns an address as JCuda takes it. */
  public static CUdeviceptr pointer(DevicePointer place) {
    return of(place).address.withByteOffset(place.offset());
  }

  /** Returns an address as a number. */
  public static long address(DevicePointer place) {
    return of(place).address() + place.offset();
  }

  @Override
  public long bytes() {
    return bytes;
  }

  /** Returns the start of the buffer. */
  public CUdeviceptr start() {
    return address;
  }

  /** Returns the start of the buffer as a number. */
  public long address() {
    return address.value();
  }

  @Override
  public void close() {
    memory.free(this);
  }
}
