package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.system.OnFailure;
import java.util.HashMap;
import java.util.Map;
import org.jocl.CL;
import org.jocl.NativePointerObject;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_context_properties;
import org.jocl.cl_device_id;
import org.jocl.cl_event;
import org.jocl.cl_mem;

/** An open OpenCL device with its memory and programs. */
final class OpenClDevice implements GpuDevice {
  static final String BACKEND = "opencl";

  private final OpenClTarget target;
  private final cl_context context;
  private final cl_command_queue memoryQueue;
  private final OpenClMemory memory;
  private final OpenClPrograms programs;

  /**
   * This device in callers' contexts, opened when a matrix of the context comes for the first time.
   */
  private final Map<cl_context, OpenClDevice> others = new HashMap<>();

  private OpenClDevice(
      OpenClTarget target,
      cl_context context,
      cl_command_queue memoryQueue,
      OpenClPrograms programs) {
    this.target = target;
    this.context = context;
    this.memoryQueue = memoryQueue;
    this.memory = new OpenClMemory(target.facts(), context, memoryQueue);
    this.programs = programs;
  }

  /**
   * Opens a device in a context of its own.
   *
   * @param sources where kernels are read from
   * @throws io.github.wandacuda.error.BackendUnavailableException if the driver fails
   */
  public static OpenClDevice open(OpenClTarget target, KernelSources sources) {
    cl_context_properties properties = new cl_context_properties();
    properties.addProperty(CL.CL_CONTEXT_PLATFORM, target.platform());
    int[] status = new int[1];
    cl_context context =
        CL.clCreateContext(properties, 1, new cl_device_id[] {target.device()}, null, null, status);
    OpenClStatus.check(status[0], "clCreateContext");
    OpenClPrograms programs = new OpenClPrograms(target, context, sources);
    return OnFailure.close(
        () -> CL.clReleaseContext(context),
        () -> new OpenClDevice(target, context, commandQueue(context, target.device()), programs));
  }

  /** Opens the same device in another context, which stays alive until the result is closed. */
  OpenClDevice over(cl_context other) {
    cl_command_queue queue = commandQueue(other, target.device());
    OpenClStatus.check(CL.clRetainContext(other), "clRetainContext");
    return new OpenClDevice(target, other, queue, programs.in(other));
  }

  /**
   * Returns a new in-order queue. The call is deprecated since OpenCL 2, but OpenCL 1.2 has no
   * other.
   */
  @SuppressWarnings("deprecation")
  private static cl_command_queue commandQueue(cl_context context, cl_device_id device) {
    int[] status = new int[1];
    cl_command_queue queue = CL.clCreateCommandQueue(context, device, 0, status);
    OpenClStatus.check(status[0], "clCreateCommandQueue");
    return queue;
  }

  /**
   * Returns a kernel whose groups are as large as it and the device allow, compiled at its first
   * use for {@link OpenClKernel#items}.
   *
   * @param file a file name under {@code kernels}, such as {@code select_rows.cl}
   * @param options compiler options, such as {@code -D F16}, in addition to those of every program
   */
  OpenClKernel kernel(String file, String name, String options) {
    return programs.kernel(file, name, options);
  }

  /** Returns a kernel whose groups are one work-item; the parameters are {@link #kernel}'s. */
  OpenClKernel single(String file, String name, String options) {
    return programs.single(file, name, options);
  }

  DeviceFacts facts() {
    return target.facts();
  }

  /** Returns the floats of a vector register, 1 if there are no vectors. */
  int vectorWidth() {
    return OpenClInfo.integer(target.device(), CL.CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
  }

  public cl_context context() {
    return context;
  }

  @Override
  public OpenClMemory memory() {
    return memory;
  }

  @Override
  public String backend() {
    return BACKEND;
  }

  @Override
  public boolean hasDoubles() {
    return target.facts().doubles();
  }

  @Override
  public String name() {
    return target.facts().name();
  }

  @Override
  public long largestBuffer() {
    return target.facts().largestBuffer();
  }

  @Override
  public OpenClQueue queue() {
    return new OpenClQueue(this, commandQueue(context, target.device()));
  }

  /**
   * Returns this device in the context of a caller's matrix. Memory belongs to the context that it
   * was made in, so a device is kept for each context of the program around this library, with
   * kernels that are built for it.
   */
  @Override
  public OpenClDevice reaching(DeviceMatrix matrix) {
    synchronized (others) {
      cl_command_queue queue = callersQueue(matrix.queue());
      if (!deviceOf(queue).equals(target.device())) {
        throw new IllegalArgumentException(
            "queue: expected one of %s, found one of another device".formatted(name()));
      }
      cl_context reached = contextOf(queue);
      return reached.equals(context) ? this : others.computeIfAbsent(reached, this::over);
    }
  }

  @Override
  public DeviceRows view(DeviceMatrix matrix) {
    cl_mem found = fill(new cl_mem(), matrix.memory(), "memory: expected a cl_mem, found 0");
    if (!contextOf(found).equals(context)) {
      throw new IllegalArgumentException(
          "memory: expected a cl_mem of the queue's context, found one of another context");
    }
    if (!isBuffer(found)) {
      throw new IllegalArgumentException("memory: expected a buffer, found an image");
    }
    long bytes = bytesOf(found);
    if (matrix.span() > bytes - matrix.byteOffset()) {
      throw new IllegalArgumentException(
          "memory: the matrix needs %d bytes from byte %d on, the buffer has %d"
              .formatted(matrix.span(), matrix.byteOffset(), bytes));
    }
    return new DeviceRows(
        memory.view(found, bytes).at(matrix.byteOffset()),
        matrix.dtype(),
        matrix.rows(),
        matrix.columns(),
        matrix.rowStride());
  }

  /**
   * Makes a queue wait for what is queued on a caller's queue so far, which is flushed.
   *
   * @param callerQueue a {@code cl_command_queue} as a number
   * @param own the queue that waits
   */
  void startAfter(long callerQueue, cl_command_queue own) {
    cl_command_queue queue = callersQueue(callerQueue);
    if (!contextOf(queue).equals(context)) {
      throw new IllegalArgumentException(
          "queue: expected one of the memory's context, found one of another context");
    }
    startAfter(queue, own);
  }

  /**
   * Makes a queue wait for what is queued on another so far, which is flushed.
   *
   * @param own the queue that waits
   */
  void startAfter(cl_command_queue queue, cl_command_queue own) {
    cl_event[] done = {new cl_event()};
    check(CL.clEnqueueMarkerWithWaitList(queue, 0, null, done[0]), "clEnqueueMarkerWithWaitList");
    try {
      check(CL.clFlush(queue), "clFlush");
      check(CL.clEnqueueBarrierWithWaitList(own, 1, done, null), "clEnqueueBarrierWithWaitList");
    } finally {
      OpenClStatus.note(CL.clReleaseEvent(done[0]), "clReleaseEvent");
    }
  }

  private void check(int status, String call) {
    OpenClStatus.check(status, name(), () -> call);
  }

  @Override
  public void close() {
    synchronized (others) {
      others.values().forEach(OpenClDevice::close);
      others.clear();
    }
    programs.close();
    OpenClStatus.note(CL.clReleaseCommandQueue(memoryQueue), "clReleaseCommandQueue");
    OpenClStatus.note(CL.clReleaseContext(context), "clReleaseContext");
  }

  private cl_command_queue callersQueue(long handle) {
    return fill(new cl_command_queue(), handle, "queue: expected a cl_command_queue, found 0");
  }

  /**
   * Makes JOCL's object for a handle of the program around this library. JOCL has no constructor
   * for it, but fills in the handles of objects that OpenCL writes to; so the handle is written to
   * a few bytes of device memory and read back. A number that is no handle crashes the process, as
   * in C.
   *
   * @throws IllegalArgumentException if the handle is 0
   */
  private <T extends NativePointerObject> T fill(T object, long handle, String ifNone) {
    if (handle == 0) {
      throw new IllegalArgumentException(ifNone);
    }
    int[] status = new int[1];
    long flags = CL.CL_MEM_READ_ONLY | CL.CL_MEM_COPY_HOST_PTR;
    cl_mem place =
        CL.clCreateBuffer(context, flags, Sizeof.POINTER, Pointer.to(new long[] {handle}), status);
    OpenClStatus.check(status[0], "clCreateBuffer");
    try {
      OpenClStatus.check(
          CL.clEnqueueReadBuffer(
              memoryQueue, place, true, 0, Sizeof.POINTER, Pointer.to(object), 0, null, null),
          "clEnqueueReadBuffer");
    } finally {
      OpenClStatus.note(CL.clReleaseMemObject(place), "clReleaseMemObject");
    }
    return object;
  }

  private static cl_context contextOf(cl_command_queue queue) {
    return ofQueue(queue, CL.CL_QUEUE_CONTEXT, Sizeof.cl_context, new cl_context());
  }

  private static cl_device_id deviceOf(cl_command_queue queue) {
    return ofQueue(queue, CL.CL_QUEUE_DEVICE, Sizeof.cl_device_id, new cl_device_id());
  }

  private static <T extends NativePointerObject> T ofQueue(
      cl_command_queue queue, int what, int bytes, T found) {
    OpenClStatus.check(
        CL.clGetCommandQueueInfo(queue, what, bytes, Pointer.to(found), null),
        "clGetCommandQueueInfo");
    return found;
  }

  private static cl_context contextOf(cl_mem memory) {
    cl_context found = new cl_context();
    ask(memory, CL.CL_MEM_CONTEXT, Sizeof.cl_context, Pointer.to(found));
    return found;
  }

  private static long bytesOf(cl_mem memory) {
    long[] bytes = new long[1];
    ask(memory, CL.CL_MEM_SIZE, Sizeof.size_t, Pointer.to(bytes));
    return bytes[0];
  }

  /** Returns whether a memory object is a buffer, not an image. */
  private static boolean isBuffer(cl_mem memory) {
    int[] type = new int[1];
    ask(memory, CL.CL_MEM_TYPE, Sizeof.cl_uint, Pointer.to(type));
    return type[0] == CL.CL_MEM_OBJECT_BUFFER;
  }

  private static void ask(cl_mem memory, int what, int bytes, Pointer answer) {
    OpenClStatus.check(
        CL.clGetMemObjectInfo(memory, what, bytes, answer, null), "clGetMemObjectInfo");
  }
}
