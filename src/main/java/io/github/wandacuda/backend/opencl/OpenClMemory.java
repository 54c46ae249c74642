package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.GpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_mem;

/** Allocates a device's memory, and pinned host memory. */
final class OpenClMemory implements GpuDevice.Memory {
  private static final byte[] PATTERN = new byte[1];

  private final DeviceFacts facts;
  private final cl_context context;
  private final cl_command_queue queue;
  private final AtomicLong used = new AtomicLong();

  /**
   * Creates the memory of an open device.
   *
   * @param facts say how much memory there is
   * @param context in which memory is allocated
   * @param queue a queue for short commands of this class alone
   */
  public OpenClMemory(DeviceFacts facts, cl_context context, cl_command_queue queue) {
    this.facts = facts;
    this.context = context;
    this.queue = queue;
  }

  /**
   * Returns the device's memory without what was allocated here; OpenCL doesn't say what other
   * programs use.
   */
  @Override
  public long freeBytes() {
    return Math.max(0, facts.globalBytes() - used.get());
  }

  @Override
  public Buffer allocate(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException(bytes + " bytes");
    }
    if (bytes > facts.largestBuffer() || bytes > freeBytes()) {
      throw new DeviceMemoryException(
          facts.name(), bytes, Math.min(freeBytes(), facts.largestBuffer()));
    }
    cl_mem handle = create(CL.CL_MEM_READ_WRITE, bytes);
    Buffer buffer = new Buffer(this, handle, bytes, true);
    used.addAndGet(bytes);
    int status = touch(handle);
    if (status != CL.CL_SUCCESS) {
      buffer.close();
      throwFailure(status, "clEnqueueFillBuffer", bytes);
    }
    return buffer;
  }

  /** Returns the driver's handle of the memory of an address. */
  static cl_mem handle(DevicePointer place) {
    return ((Buffer) place.buffer()).handle;
  }

  /** Returns memory that a caller allocated. Closing the buffer frees nothing. */
  public Buffer view(cl_mem handle, long bytes) {
    return new Buffer(this, handle, bytes, false);
  }

  @Override
  public MemorySegment pinned(long bytes, Arena arena) {
    if (bytes > Integer.MAX_VALUE) {
      return arena.allocate(bytes, Long.BYTES);
    }
    cl_mem handle = create(CL.CL_MEM_READ_WRITE | CL.CL_MEM_ALLOC_HOST_PTR, bytes);
    int[] status = new int[1];
    ByteBuffer mapped =
        CL.clEnqueueMapBuffer(
            queue, handle, true, CL.CL_MAP_READ | CL.CL_MAP_WRITE, 0, bytes, 0, null, null, status);
    if (status[0] != CL.CL_SUCCESS) {
      CL.clReleaseMemObject(handle);
      throwFailure(status[0], "clEnqueueMapBuffer", bytes);
    }
    MemorySegment memory = MemorySegment.ofAddress(MemorySegment.ofBuffer(mapped).address());
    return memory.reinterpret(bytes, arena, segment -> unmap(handle, memory));
  }

  /**
   * Frees memory that was allocated here.
   *
   * @param bytes its size
   */
  void release(cl_mem handle, long bytes) {
    OpenClStatus.note(CL.clReleaseMemObject(handle), "clReleaseMemObject");
    used.addAndGet(-bytes);
  }

  /**
   * Throws the failure of a command that used memory.
   *
   * @param status OpenCL's, not success
   * @param call the command's name
   * @param bytes how many it used
   * @throws io.github.wandacuda.backend.gpu.DeviceMemoryException if the status may mean that
   *     memory is short
   * @throws io.github.wandacuda.error.BackendUnavailableException for every other status
   */
  public void throwFailure(int status, String call, long bytes) {
    if (OpenClStatus.isMemoryShortage(status, bytes)) {
      // How much is free isn't known, since other programs' memory isn't counted.
      throw new DeviceMemoryException(
          "%s: out of device memory: %s of %d bytes failed with %s"
              .formatted(facts.name(), call, bytes, OpenClStatus.name(status)));
    }
    OpenClStatus.check(status, facts.name(), () -> call);
  }

  private cl_mem create(long flags, long bytes) {
    int[] status = new int[1];
    cl_mem handle = CL.clCreateBuffer(context, flags, bytes, null, status);
    if (status[0] != CL.CL_SUCCESS) {
      throwFailure(status[0], "clCreateBuffer", bytes);
    }
    return handle;
  }

  /**
   * Writes a byte of a buffer, since OpenCL may delay an allocation until its first use and fail
   * only then.
   *
   * @return the command's status
   */
  private int touch(cl_mem handle) {
    int status =
        CL.clEnqueueFillBuffer(
            queue, handle, Pointer.to(PATTERN), PATTERN.length, 0, PATTERN.length, 0, null, null);
    return status == CL.CL_SUCCESS ? CL.clFinish(queue) : status;
  }

  private void unmap(cl_mem handle, MemorySegment mapped) {
    OpenClStatus.note(OpenClCopies.unmap(queue, handle, mapped), "clEnqueueUnmapMemObject");
    OpenClStatus.note(CL.clFinish(queue), "clFinish");
    OpenClStatus.note(CL.clReleaseMemObject(handle), "clReleaseMemObject");
  }

  /** A piece of the device's memory. */
  static final class Buffer implements DeviceBuffer {
    private final OpenClMemory memory;
    private final cl_mem handle;
    private final long bytes;
    private final AtomicBoolean closed;

    /**
     * Stands for memory.
     *
     * @param own whether closing gives it back
     */
    Buffer(OpenClMemory memory, cl_mem handle, long bytes, boolean own) {
      closed = new AtomicBoolean(!own);
      this.memory = memory;
      this.handle = handle;
      this.bytes = bytes;
    }

    @Override
    public long bytes() {
      return bytes;
    }

    @Override
    public void close() {
      if (closed.compareAndSet(false, true)) {
        memory.release(handle, bytes);
      }
    }
  }
}
