package io.github.wandacuda.backend.cuda;

import jcuda.driver.CUdeviceptr;

/** An address in a device's memory that can be read as the number it is. */
final class DeviceAddress extends CUdeviceptr {
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
