package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUpointer_attribute;
import jcuda.driver.JCudaDriver;

/** An open CUDA device. */
final class CudaDevice implements GpuDevice {
  static final String NAME = "cuda";

  private final CudaDeviceInfo info;
  private final Precision precision;
  private final CudaContext context;
  private final CudaMemory memory;
  private final CudaModules modules;
  private final Set<CudaQueue> queues = ConcurrentHashMap.newKeySet();
  private boolean closed;

  private CudaDevice(CudaDeviceInfo info, CudaContext context, Precision precision) {
    this.info = info;
    this.precision = precision;
    this.context = context;
    this.memory = new CudaMemory(context);
    this.modules = new CudaModules(context, info.capability());
  }

  /**
   * Opens a device.
   *
   * @param index its number in the driver's order
   * @param precision of linear layers on tensor cores
   * @throws BackendUnavailableException if there is no driver or the device can't be used
   */
  public static CudaDevice open(int index, Precision precision) {
    return open(index, precision, Integer.MAX_VALUE);
  }

  /**
   * Opens a device as {@link #open(int, Precision)} does, as if it had fewer multiprocessors, so
   * that tests see blocks that take several rows.
   *
   * @param multiprocessors the most that grids are made for
   */
  static CudaDevice open(int index, Precision precision, int multiprocessors) {
    CudaLibrary.require();
    CudaDeviceInfo info = CudaDeviceInfo.of(index, multiprocessors);
    Optional<String> problem = info.problem();
    if (problem.isPresent()) {
      throw new BackendUnavailableException(
          "%s can't be used: %s".formatted(info.label(), problem.get()));
    }
    return new CudaDevice(info, new CudaContext(info.handle(), info.label()), precision);
  }

  @Override
  public String backend() {
    return NAME;
  }

  @Override
  public String name() {
    return info.name();
  }

  @Override
  public Optional<String> library() {
    return Cublas.label();
  }

  @Override
  public Optional<Precision> precision() {
    return Optional.of(precision);
  }

  CudaDeviceInfo info() {
    return info;
  }

  /** Returns the context in which all of the device's memory and kernels are. */
  public CudaContext context() {
    return context;
  }

  /**
   * Returns a kernel, which is loaded at the first call.
   *
   * @param file its file's name under {@code kernels}, without the ending
   * @param name the kernel's name in the file
   */
  public CudaFunction function(String file, String name) {
    return modules.function(file, name);
  }

  @Override
  public long largestBuffer() {
    return info.totalBytes();
  }

  @Override
  public CudaMemory memory() {
    return memory;
  }

  @Override
  public CudaQueue queue() {
    CudaQueue queue = new CudaQueue(this);
    queues.add(queue);
    return queue;
  }

  /**
   * Returns this device, which reaches all memory in its primary context; {@link #view} refuses
   * other memory.
   */
  @Override
  public CudaDevice reaching(DeviceMatrix matrix) {
    return this;
  }

  /** The rows lie in their whole allocation, so that offsets are as aligned as addresses. */
  @Override
  public DeviceRows view(DeviceMatrix matrix) {
    PointerFacts facts = PointerFacts.of(context, matrix.memory());
    if (!facts.isDeviceMemory()) {
      throw new IllegalArgumentException(
          "memory: expected a pointer to device memory, found 0x%x, which the driver doesn't know as such"
              .formatted(matrix.memory()));
    }
    if (facts.ordinal() != info.index()) {
      throw new IllegalArgumentException(
          "memory: expected memory of device %d, found 0x%x of device %d"
              .formatted(info.index(), matrix.memory(), facts.ordinal()));
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

  /** Takes note that a queue was closed. */
  void forget(CudaQueue queue) {
    queues.remove(queue);
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    queues.forEach(CudaQueue::close);
    memory.close();
    modules.close();
    context.release();
  }

  /**
   * What the driver knows of an address. All is 0 if the driver doesn't know it; memory of pools
   * and of reserved address ranges belongs to no context.
   *
   * @param memoryType a {@code CUmemorytype}
   * @param context the {@code CUcontext} that allocated it, or 0
   * @param start where the allocation, or the reserved range, starts
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
                ATTRIBUTES.length,
                ATTRIBUTES,
                CudaBuffer.pointer(table),
                new CudaBuffer.DeviceAddress(address)),
            "cuPointerGetAttributes");
        return new PointerFacts(
            (int) values.getAtIndex(ValueLayout.JAVA_LONG, 0),
            (int) values.getAtIndex(ValueLayout.JAVA_LONG, 1),
            values.getAtIndex(ValueLayout.JAVA_LONG, 2),
            values.getAtIndex(ValueLayout.JAVA_LONG, 3),
            values.getAtIndex(ValueLayout.JAVA_LONG, 4));
      }
    }

    public boolean isDeviceMemory() {
      return memoryType == CUmemorytype.CU_MEMORYTYPE_DEVICE;
    }
  }
}
