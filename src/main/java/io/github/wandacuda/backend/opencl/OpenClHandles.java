package io.github.wandacuda.backend.opencl;

import org.jocl.CL;
import org.jocl.NativePointerObject;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_device_id;
import org.jocl.cl_mem;

/**
 * JOCL's objects for handles that the program around this library made. JOCL has no constructor for
 * them, but fills in the handles of objects that OpenCL writes to; so a handle takes the way
 * through a few bytes of device memory. A number that is no handle ends the process, as in C.
 */
final class OpenClHandles {
  private final cl_context context;
  private final cl_command_queue queue;

  /**
   * Creates the objects' source.
   *
   * @param context the context that handles pass through
   */
  public OpenClHandles(cl_context context, cl_command_queue queue) {
    this.context = context;
    this.queue = queue;
  }

  /**
   * Returns a queue.
   *
   * @throws IllegalArgumentException if the handle is 0
   */
  public cl_command_queue queue(long handle) {
    return fill(new cl_command_queue(), handle, "queue: expected a cl_command_queue, found 0");
  }

  /**
   * Returns a buffer.
   *
   * @throws IllegalArgumentException if the handle is 0
   */
  public cl_mem memory(long handle) {
    return fill(new cl_mem(), handle, "memory: expected a cl_mem, found 0");
  }

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
              queue, place, true, 0, Sizeof.POINTER, Pointer.to(object), 0, null, null),
          "clEnqueueReadBuffer");
    } finally {
      OpenClStatus.note(CL.clReleaseMemObject(place), "clReleaseMemObject");
    }
    return object;
  }

  /** Returns the context of a queue. */
  public static cl_context contextOf(cl_command_queue queue) {
    return ofQueue(queue, CL.CL_QUEUE_CONTEXT, Sizeof.cl_context, new cl_context());
  }

  /** Returns the device of a queue. */
  public static cl_device_id deviceOf(cl_command_queue queue) {
    return ofQueue(queue, CL.CL_QUEUE_DEVICE, Sizeof.cl_device_id, new cl_device_id());
  }

  private static <T extends NativePointerObject> T ofQueue(
      cl_command_queue queue, int what, int bytes, T found) {
    OpenClStatus.check(
        CL.clGetCommandQueueInfo(queue, what, bytes, Pointer.to(found), null),
        "clGetCommandQueueInfo");
    return found;
  }

  /** Returns the context of a buffer. */
  public static cl_context contextOf(cl_mem memory) {
    cl_context found = new cl_context();
    ask(memory, CL.CL_MEM_CONTEXT, Sizeof.cl_context, Pointer.to(found));
    return found;
  }

  /** Returns the size of a buffer. */
  public static long bytesOf(cl_mem memory) {
    long[] bytes = new long[1];
    ask(memory, CL.CL_MEM_SIZE, Sizeof.size_t, Pointer.to(bytes));
    return bytes[0];
  }

  /** Returns whether a memory object is a buffer, not an image. */
  public static boolean isBuffer(cl_mem memory) {
    int[] type = new int[1];
    ask(memory, CL.CL_MEM_TYPE, Sizeof.cl_uint, Pointer.to(type));
    return type[0] == CL.CL_MEM_OBJECT_BUFFER;
  }

  private static void ask(cl_mem memory, int what, int bytes, Pointer answer) {
    OpenClStatus.check(
        CL.clGetMemObjectInfo(memory, what, bytes, answer, null), "clGetMemObjectInfo");
  }
}
