package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.NativeFunction;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUpointer_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** Memory and streams that the program around this library made, as it may hand them over. */
final class CudaCallerMemory {
  /** JCuda's streams can't be made from a handle. */
  private static final NativeFunction RECORD =
      new NativeFunction(
          CudaLibrary.functions(),
          "the driver",
          "cuEventRecord",
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG);

  private CudaCallerMemory() {}

  /**
   * Returns a matrix as rows in the allocation that it lies in, so that offsets are as aligned as
   * addresses.
   *
   * @param ordinal the number of the context's device
   */
  static DeviceRows view(DeviceMatrix matrix, CudaContext context, CudaMemory memory, int ordinal) {
    PointerFacts facts = PointerFacts.of(context, matrix.memory());
    if (!facts.isDeviceMemory()) {
      throw new IllegalArgumentException(
          "memory: expected a pointer to device memory, found 0x%x, which the driver doesn't know as such"
              .formatted(matrix.memory()));
    }
    if (facts.ordinal() != ordinal) {
      throw new IllegalArgumentException(
          "memory: expected memory of device %d, found 0x%x of device %d"
              .formatted(ordinal, matrix.memory(), facts.ordinal()));
    }
    if (facts.context() != 0 && facts.context() != context.handle()) {
      throw new IllegalArgumentException(
          "memory: expected memory of the device's primary context, found 0x%x of another one"
              .formatted(matrix.memory()));
    }
    long offset = matrix.memory() - facts.start() + matrix.byteOffset();
    long left = facts.bytes() - (matrix.memory() - facts.start());
    if (matrix.span() > left - matrix.byteOffset()) {
      throw new IllegalArgumentException(
          "memory: the matrix needs %d bytes from byte %d on, the allocation has %d from the pointer on"
              .formatted(matrix.span(), matrix.byteOffset(), left));
    }
    CudaBuffer allocation = memory.view(facts.start(), facts.bytes());
    return new DeviceRows(
        allocation.at(offset), matrix.dtype(), matrix.rows(), matrix.columns(), matrix.rowStride());
  }

  /** Lets {@code own} wait for what is queued on a caller's stream so far. */
  static void startAfter(long callerStream, CudaContext context, CUstream own) {
    try (CudaEvent event = new CudaEvent(context)) {
      int result = RECORD.call(event.handle(), callerStream);
      if (result == CUresult.CUDA_ERROR_INVALID_HANDLE
          || result == CUresult.CUDA_ERROR_INVALID_CONTEXT) {
        throw new IllegalArgumentException(
            "queue: expected a stream of the device's primary context, found 0x%x"
                .formatted(callerStream));
      }
      context.check(result, "cuEventRecord");
      event.holdUp(own);
    }
  }

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
  private record PointerFacts(int memoryType, int ordinal, long context, long start, long bytes) {
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
}
