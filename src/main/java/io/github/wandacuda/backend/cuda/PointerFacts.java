package io.github.wandacuda.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUpointer_attribute;
import jcuda.driver.JCudaDriver;

/**
 * What the driver knows of an address. Where it knows nothing all is 0; memory of pools and of
 * reserved address ranges belongs to no context.
 *
 * @param memoryType a {@code CUmemorytype}
 * @param ordinal the device's number
 * @param context the {@code CUcontext} that allocated it, or 0
 * @param start where the allocation, or the reserved range, starts
 * @param bytes its size
 */
record PointerFacts(int memoryType, int ordinal, long context, long start, long bytes) {
  private static final int[] ATTRIBUTES = {
    CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
    CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
    CUpointer_attribute.CU_POINTER_ATTRIBUTE_CONTEXT,
    CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
    CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_SIZE,
  };

  /** Asks the driver, which doesn't fail for an address that it doesn't know. */
  public static PointerFacts of(CudaContext context, long address) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(ValueLayout.JAVA_LONG, ATTRIBUTES.length);
      MemorySegment table = arena.allocate(ValueLayout.JAVA_LONG, ATTRIBUTES.length);
      for (int i = 0; i < ATTRIBUTES.length; i++) {
        table.setAtIndex(ValueLayout.JAVA_LONG, i, values.address() + i * (long) Long.BYTES);
      }
      context.check(
          JCudaDriver.cuPointerGetAttributes(
              ATTRIBUTES.length, ATTRIBUTES, HostPointer.to(table), new DeviceAddress(address)),
          "cuPointerGetAttributes");
      return new PointerFacts(
          (int) values.getAtIndex(ValueLayout.JAVA_LONG, 0),
          (int) values.getAtIndex(ValueLayout.JAVA_LONG, 1),
          values.getAtIndex(ValueLayout.JAVA_LONG, 2),
          values.getAtIndex(ValueLayout.JAVA_LONG, 3),
          values.getAtIndex(ValueLayout.JAVA_LONG, 4));
    }
  }

  /** Returns whether it is a device's memory. */
  public boolean isDeviceMemory() {
    return memoryType == CUmemorytype.CU_MEMORYTYPE_DEVICE;
  }
}
