package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DevicePointer;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
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

  /**
   * Returns the start of native memory of any size as JCuda takes it, whose own pointers cover at
   * most 2 GiB. The caller must not free the memory meanwhile.
   */
  static Pointer pointer(MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("expected native memory, found an array");
    }
    return new HostPointer(memory.address());
  }

  public static long address(DevicePointer place) {
    return of(place).address() + place.offset();
  }

  @Override
  public long bytes() {
    return bytes;
  }

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
