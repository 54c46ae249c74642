package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DevicePointer;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;

/**
 * A piece of a device's memory.
 *
 * @param memory frees it
 * @param start its address
 * @param bytes its size
 */
record CudaBuffer(CudaMemory memory, DeviceAddress start, long bytes) implements DeviceBuffer {
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

  /**
   * Returns an address as JCuda takes it.
   *
   * @throws IllegalArgumentException if it is in memory of another backend
   */
  public static CUdeviceptr pointer(DevicePointer place) {
    return of(place).start.withByteOffset(place.offset());
  }

  /**
   * Returns the start of native memory of any size as JCuda takes it, whose own pointers cover at
   * most 2 GiB. The caller must not free the memory while the driver uses it.
   *
   * @throws IllegalArgumentException if the memory is a Java array
   */
  static Pointer pointer(MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("expected native memory, found an array");
    }
    return new HostPointer(memory.address());
  }

  /**
   * Returns an address as a number.
   *
   * @throws IllegalArgumentException if it is in memory of another backend
   */
  public static long address(DevicePointer place) {
    return of(place).address() + place.offset();
  }

  /** Returns the address of the first byte, as a number. */
  public long address() {
    return start.value();
  }

  @Override
  public void close() {
    memory.free(this);
  }

  private static final class HostPointer extends Pointer {
    HostPointer(long address) {
      super(address);
    }
  }

  /** An address in a device's memory that can be read as the number it is. */
  static final class DeviceAddress extends CUdeviceptr {
    /** Creates an address for the driver to fill in. */
    DeviceAddress() {}

    /** Creates an address that is known: JCuda adds a place to a null pointer. */
    DeviceAddress(long value) {
      super(new CUdeviceptr(), value);
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }
}
