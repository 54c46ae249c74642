package io.github.wandacuda.device.cuda.driver;

import jcuda.driver.CUdeviceptr;

/** An address in a device's memory that can be read as the number it is. */
final class DeviceAddress extends CUdeviceptr {
  long value() {
    return getNativePointer();
  }
}
