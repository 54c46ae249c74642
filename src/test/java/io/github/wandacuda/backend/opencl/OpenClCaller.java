package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.CallerProgram;
import io.github.wandacuda.testing.Within;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_device_id;
import org.jocl.cl_event;
import org.jocl.cl_mem;

/** A program with a context of its own on the first device. */
public final class OpenClCaller implements CallerProgram {
  /** Longer than pruning a few rows takes. */
  private static final long MILLISECONDS = 300;

  private final Backend backend;
  private final cl_context context;
  private final cl_command_queue queue;
  private final Map<Long, cl_mem> memory = new HashMap<>();
  private final List<Thread> writers = new ArrayList<>();

  /**
   * Opens a context.
   *
   * @param backend the library's device, closed with this
   */
  public OpenClCaller(Backend backend) {
    this.backend = backend;
    OpenClTarget target = AnyOpenCl.target();
    int[] status = new int[1];
    context = CL.clCreateContext(null, 1, new cl_device_id[] {target.device()}, null, null, status);
    check(status[0]);
    queue = newQueue(context, target.device());
  }

  @SuppressWarnings("deprecation")
  static cl_command_queue newQueue(cl_context context, cl_device_id device) {
    int[] status = new int[1];
    cl_command_queue queue = CL.clCreateCommandQueue(context, device, 0, status);
    check(status[0]);
    return queue;
  }

  static void check(int status) {
    OpenClStatus.check(status, "a call of the program");
  }

  cl_context context() {
    return context;
  }

  @Override
  public Backend backend() {
    return backend;
  }

  @Override
  public long memory(byte[] content) {
    int[] status = new int[1];
    cl_mem buffer = CL.clCreateBuffer(context, CL.CL_MEM_READ_WRITE, content.length, null, status);
    check(status[0]);
    check(
        CL.clEnqueueWriteBuffer(
            queue, buffer, true, 0, content.length, Pointer.to(content), 0, null, null));
    memory.put(buffer.getNativePointer(), buffer);
    return buffer.getNativePointer();
  }

  @Override
  public long queue() {
    return queue.getNativePointer();
  }

  @Override
  public byte[] read(long from, int bytes) {
    byte[] content = new byte[bytes];
    check(
        CL.clEnqueueReadBuffer(
            queue, memory.get(from), true, 0, bytes, Pointer.to(content), 0, null, null));
    return content;
  }

  /** The write waits for an event that happens later. */
  @Override
  public void queueWrite(long to, byte[] content) {
    int[] status = new int[1];
    cl_event gate = CL.clCreateUserEvent(context, status);
    check(status[0]);
    ByteBuffer host = ByteBuffer.allocateDirect(content.length).put(0, content);
    check(
        CL.clEnqueueWriteBuffer(
            queue,
            memory.get(to),
            false,
            0,
            content.length,
            Pointer.to(host),
            1,
            new cl_event[] {gate},
            null));
    Thread writer =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    Thread.sleep(MILLISECONDS);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  check(CL.clSetUserEventStatus(gate, CL.CL_COMPLETE));
                  check(CL.clReleaseEvent(gate));
                  // The memory that is written from is there until then.
                  host.clear();
                });
    writers.add(writer);
  }

  @Override
  public void close() {
    for (Thread writer : writers) {
      try {
        Within.end(writer);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
    check(CL.clFinish(queue));
    memory.values().forEach(CL::clReleaseMemObject);
    check(CL.clReleaseCommandQueue(queue));
    check(CL.clReleaseContext(context));
    backend.close();
  }
}
