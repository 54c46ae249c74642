package io.github.wandacuda.device.cuda.driver;

import io.github.wandacuda.device.DeviceBuffer;
import io.github.wandacuda.device.DevicePointer;
import jcuda.driver.CUdeviceptr;

/** A piece of a device's memory. */
public final class CudaBuffer implements DeviceBuffer {
  private final CudaMemory memory;
  private final DeviceAddress address;
  private final long bytes;

  CudaBuffer(CudaMemory memory, DeviceAddress address, long bytes) {
    this.memory = memory;
    this.address = address;
    this.bytes = bytes;
  }

  /**
   * Returns the buffer that a place is in.
   *
   * @throws IllegalArgumentException if another backend made it
   */
  static CudaBuffer of(DevicePointer place) {
    if (place.buffer() instanceof CudaBuffer own) {
      return own;
    }
    throw new IllegalArgumentException("memory of another backend");
  }

  /** Returns a place as JCuda takes it. */
  public static CUdeviceptr pointer(DevicePointer place) {
    return of(place).address.withByteOffset(place.offset());
  }

  @Override
  public long bytes() {
    return bytes;
  }

  /** Returns where it starts. */
  public CUdeviceptr start() {
    return address;
  }

  /** Returns where it starts, as a number. */
  public long address() {
    return address.value();
  }

  @Override
  public void close() {
    memory.free(this);
  }
}
