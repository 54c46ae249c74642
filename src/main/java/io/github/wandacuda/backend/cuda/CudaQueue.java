package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.cuda.RowCopy.Place;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
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
  private CudaSelectKernels pruning;
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

  /** Returns the device. */
  public CudaDevice device() {
    return device;
  }

  /** Returns the driver's stream. */
  public CUstream stream() {
    return stream;
  }

  /** Returns the driver's stream as a number. */
  long streamHandle() {
    return stream.handle();
  }

  @Override
  public void upload(
      MemorySegment host,
      long hostPitch,
      DevicePointer to,
      long devicePitch,
      long rowBytes,
      long rows) {
    copy(Place.of(host, hostPitch), Place.of(to, devicePitch), rowBytes, rows);
  }

  @Override
  public void download(
      DevicePointer from,
      long devicePitch,
      MemorySegment host,
      long hostPitch,
      long rowBytes,
      long rows) {
    copy(Place.of(from, devicePitch), Place.of(host, hostPitch), rowBytes, rows);
  }

  @Override
  public void copy(
      DevicePointer from,
      long fromPitch,
      DevicePointer to,
      long toPitch,
      long rowBytes,
      long rows) {
    copy(Place.of(from, fromPitch), Place.of(to, toPitch), rowBytes, rows);
  }

  private void copy(Place from, Place to, long rowBytes, long rows) {
    context.enter();
    new RowCopy(from, to, rowBytes, rows).queue(context, stream, device.info().maximumPitch());
  }

  @Override
  public void startAfter(long callerQueue) {
    CudaCallerMemory.startAfter(callerQueue, context, stream);
  }

  @Override
  public void startAfter(DeviceQueue other) {
    context.enter();
    try (CudaEvent event = new CudaEvent(context)) {
      context.check(JCudaDriver.cuEventRecord(event, ((CudaQueue) other).stream), "cuEventRecord");
      event.holdUp(stream);
    }
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
   * @param function the kernel
   * @param grid number of blocks
   * @param threads threads of a block
   * @param sharedBytes bytes of dynamic shared memory of a block, which the function is asked to
   *     allow
   * @param values the arguments, see {@link LaunchArguments#write}
   */
  public void launch(
      CudaFunction function, Grid grid, int threads, int sharedBytes, Object... values) {
    function.allowShared(sharedBytes);
    context.enter();
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
        () -> "cuLaunchKernel of %s".formatted(function.name()));
  }

  @Override
  public CudaSelectKernels pruning() {
    if (pruning == null) {
      pruning = new CudaSelectKernels(this);
    }
    return pruning;
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
    context.check(JCudaDriver.cuStreamSynchronize(stream), "cuStreamSynchronize");
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
    /** Returns the {@code CUstream}. */
    public long handle() {
      return getNativePointer();
    }
  }
}
