package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.RowCopy;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import jcuda.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A CUDA stream. */
final class CudaQueue implements DeviceQueue {
  private final CudaDevice device;
  private final CudaContext context;
  private final CudaStream stream = new CudaStream();
  private final LaunchArguments arguments = new LaunchArguments(Arena.ofAuto());
  private final AtomicBoolean closed = new AtomicBoolean();
  private Supplier<String> launched = () -> "no launch";
  private CudaForwardKernels forward;

  CudaQueue(CudaDevice device) {
    this.device = device;
    this.context = device.context();
    context.enter();
    // After a failure the handle is undefined (JCuda copies it from its stack) and must not be
    // used.
    context.check(
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING),
        "cuStreamCreate");
  }

  public CudaDevice device() {
    return device;
  }

  /** Returns the driver's {@code CUstream} as a number. */
  long streamHandle() {
    return stream.handle();
  }

  @Override
  public void copy(RowCopy copy) {
    context.enter();
    copy.pieces(
        device.info().maximumPitch(),
        piece -> {
          if (piece.rows() == 1) {
            copyBytes(piece.from(), piece.to(), piece.rowBytes());
          } else {
            copyRows(piece);
          }
        });
  }

  private void copyBytes(Place from, Place to, long bytes) {
    if (from.isHost()) {
      context.check(
          JCudaDriver.cuMemcpyHtoDAsync(
              CudaBuffer.pointer(to.device()), CudaBuffer.pointer(from.host()), bytes, stream),
          () -> "cuMemcpyHtoDAsync of %d bytes".formatted(bytes));
    } else if (to.isHost()) {
      context.check(
          JCudaDriver.cuMemcpyDtoHAsync(
              CudaBuffer.pointer(to.host()), CudaBuffer.pointer(from.device()), bytes, stream),
          () -> "cuMemcpyDtoHAsync of %d bytes".formatted(bytes));
    } else {
      context.check(
          JCudaDriver.cuMemcpyDtoDAsync(
              CudaBuffer.pointer(to.device()), CudaBuffer.pointer(from.device()), bytes, stream),
          () -> "cuMemcpyDtoDAsync of %d bytes".formatted(bytes));
    }
  }

  private void copyRows(RowCopy rows) {
    Place from = rows.from();
    Place to = rows.to();
    CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
    copy.srcMemoryType = memoryType(from);
    copy.srcPitch = from.pitch();
    if (from.isHost()) {
      copy.srcHost = CudaBuffer.pointer(from.host());
    } else {
      copy.srcDevice = CudaBuffer.pointer(from.device());
    }
    copy.dstMemoryType = memoryType(to);
    copy.dstPitch = to.pitch();
    if (to.isHost()) {
      copy.dstHost = CudaBuffer.pointer(to.host());
    } else {
      copy.dstDevice = CudaBuffer.pointer(to.device());
    }
    copy.WidthInBytes = rows.rowBytes();
    copy.Height = rows.rows();
    context.check(
        JCudaDriver.cuMemcpy2DAsync(copy, stream),
        () -> "cuMemcpy2DAsync of %d x %d bytes".formatted(rows.rows(), rows.rowBytes()));
  }

  private static int memoryType(Place place) {
    return place.isHost() ? CUmemorytype.CU_MEMORYTYPE_HOST : CUmemorytype.CU_MEMORYTYPE_DEVICE;
  }

  @Override
  public void startAfter(long callerQueue) {
    context.enter();
    CudaEvent event = new CudaEvent();
    context.check(
        JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
    try {
      int result = CudaEvent.RECORD.call(event.handle(), callerQueue);
      if (result == CUresult.CUDA_ERROR_INVALID_HANDLE
          || result == CUresult.CUDA_ERROR_INVALID_CONTEXT) {
        throw new IllegalArgumentException(
            "queue: expected a stream of the device's primary context, found 0x%x"
                .formatted(callerQueue));
      }
      context.check(result, "cuEventRecord");
      context.check(JCudaDriver.cuStreamWaitEvent(stream, event, 0), "cuStreamWaitEvent");
    } finally {
      // Work that waits for the event goes on waiting for it after it is destroyed.
      int unused = JCudaDriver.cuEventDestroy(event);
    }
  }

  @Override
  public void startAfter(DeviceQueue other) {
    startAfter(((CudaQueue) other).streamHandle());
  }

  @Override
  public void clear(DevicePointer place, long bytes) {
    if (bytes == 0) {
      return;
    }
    Objects.checkFromIndexSize(place.offset(), bytes, place.buffer().bytes());
    context.enter();
    context.check(
        JCudaDriver.cuMemsetD8Async(CudaBuffer.pointer(place), (byte) 0, bytes, stream),
        () -> "cuMemsetD8Async of %d bytes".formatted(bytes));
  }

  /**
   * Queues a kernel.
   *
   * @param grid how many blocks
   * @param threads of each block
   * @param sharedBytes bytes of dynamic shared memory of a block, which the function is asked to
   *     allow
   * @param values the arguments, see {@link LaunchArguments#write}
   */
  public void launch(
      CudaFunction function, Grid grid, int threads, int sharedBytes, Object... values) {
    function.allowShared(sharedBytes);
    context.enter();
    launched = () -> "%s, %s of %d threads".formatted(function.name(), grid, threads);
    context.check(
        JCudaDriver.cuLaunchKernel(
            function.handle(),
            grid.x(),
            grid.y(),
            grid.z(),
            threads,
            1,
            1,
            sharedBytes,
            stream,
            arguments.write(values),
            null),
        () -> "cuLaunchKernel of " + launched.get());
  }

  @Override
  public CudaSelectKernels pruning() {
    return new CudaSelectKernels(this);
  }

  @Override
  public CudaForwardKernels forward() {
    if (forward == null) {
      forward = new CudaForwardKernels(this);
    }
    return forward;
  }

  @Override
  public void finish() {
    context.enter();
    context.check(
        JCudaDriver.cuStreamSynchronize(stream),
        () -> "cuStreamSynchronize after " + launched.get());
  }

  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    boolean entered = context.tryEnter();
    if (entered) {
      int unused = JCudaDriver.cuStreamSynchronize(stream);
    }
    if (forward != null) {
      forward.close();
    }
    if (entered) {
      int unused = JCudaDriver.cuStreamDestroy(stream);
    }
    device.forget(this);
  }

  /** A stream that can be read as the number that it is. */
  private static final class CudaStream extends CUstream {
    long handle() {
      return getNativePointer();
    }
  }

  /** A place in a stream that another stream waits for. */
  private static final class CudaEvent extends CUevent {
    /**
     * The driver's function, called directly since JCuda can't make a stream from a caller's
     * handle.
     */
    static final SharedLibrary.Function RECORD = CudaLibrary.function("cuEventRecord");

    long handle() {
      return getNativePointer();
    }
  }

  /**
   * A kernel's arguments as the driver reads them: a table of the addresses of the values. Memory
   * and table are reused for every launch, since the driver has copied the values when a launch
   * returns.
   */
  static final class LaunchArguments {
    /** The most arguments of a kernel. */
    static final int MOST = 32;

    private final MemorySegment values;
    private final Pointer table;

    /**
     * Allocates the table and the values.
     *
     * @param arena owns their memory
     */
    public LaunchArguments(Arena arena) {
      values = arena.allocate(ValueLayout.JAVA_LONG, MOST);
      MemorySegment addresses = arena.allocate(ValueLayout.JAVA_LONG, MOST);
      for (int i = 0; i < MOST; i++) {
        addresses.setAtIndex(ValueLayout.JAVA_LONG, i, values.address() + i * (long) Long.BYTES);
      }
      table = CudaBuffer.pointer(addresses);
    }

    /**
     * Writes arguments.
     *
     * @param arguments in the kernel's order: a {@link DevicePointer} or null for a pointer, an
     *     {@link Integer}, a {@link Long} or a {@link Float}; at most {@link #MOST}
     * @return the table, valid until the next call
     */
    public Pointer write(Object... arguments) {
      if (arguments.length > MOST) {
        throw new IllegalArgumentException("%d arguments".formatted(arguments.length));
      }
      for (int i = 0; i < arguments.length; i++) {
        values.setAtIndex(ValueLayout.JAVA_LONG, i, bits(arguments[i]));
      }
      return table;
    }

    /**
     * Returns an argument's 8 bytes. A 4-byte value is the lower half, which comes first, since all
     * systems with CUDA are little-endian.
     */
    private static long bits(Object argument) {
      return switch (argument) {
        case null -> 0;
        case DevicePointer pointer -> CudaBuffer.address(pointer);
        case Integer number -> number;
        case Long number -> number;
        case Float number -> Float.floatToRawIntBits(number);
        case Double number -> Double.doubleToRawLongBits(number);
        default -> throw new IllegalArgumentException("a kernel takes no " + argument.getClass());
      };
    }
  }
}
