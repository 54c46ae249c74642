package example;

import static org.jocl.CL.CL_CONTEXT_PLATFORM;
import static org.jocl.CL.CL_DEVICE_TYPE_ALL;
import static org.jocl.CL.CL_MEM_READ_WRITE;
import static org.jocl.CL.CL_TRUE;
import static org.jocl.CL.clCreateBuffer;
import static org.jocl.CL.clCreateCommandQueueWithProperties;
import static org.jocl.CL.clCreateContext;
import static org.jocl.CL.clEnqueueReadBuffer;
import static org.jocl.CL.clEnqueueWriteBuffer;
import static org.jocl.CL.clGetDeviceIDs;
import static org.jocl.CL.clGetPlatformIDs;
import static org.jocl.CL.clReleaseCommandQueue;
import static org.jocl.CL.clReleaseContext;
import static org.jocl.CL.clReleaseMemObject;
import static org.jocl.CL.setExceptionsEnabled;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.library.Pruner;
import java.util.Arrays;
import org.jocl.Pointer;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_context_properties;
import org.jocl.cl_device_id;
import org.jocl.cl_mem;
import org.jocl.cl_platform_id;
import org.jocl.cl_queue_properties;

/** Prunes a matrix that the program has put into an OpenCL buffer of its own context. */
public final class PruneOnYourOpenClMemory {
  private static final int ROWS = 64;
  private static final int COLUMNS = 256;
  private static final long BYTES = 4L * ROWS * COLUMNS;

  private PruneOnYourOpenClMemory() {}

  /** Takes no arguments. */
  public static void main(String[] args) {
    setExceptionsEnabled(true);
    cl_platform_id[] platforms = new cl_platform_id[1];
    clGetPlatformIDs(1, platforms, null);
    cl_device_id[] devices = new cl_device_id[1];
    clGetDeviceIDs(platforms[0], CL_DEVICE_TYPE_ALL, 1, devices, null);
    cl_context_properties properties = new cl_context_properties();
    properties.addProperty(CL_CONTEXT_PLATFORM, platforms[0]);
    cl_context context = clCreateContext(properties, 1, devices, null, null, null);
    cl_command_queue queue =
        clCreateCommandQueueWithProperties(context, devices[0], new cl_queue_properties(), null);
    cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE, BYTES, null, null);

    float[] weights = new float[ROWS * COLUMNS];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (i * 7919 % 2003 - 1001) / 1000f;
    }
    float[] norms = new float[COLUMNS];
    for (int i = 0; i < norms.length; i++) {
      norms[i] = 1 + i % 7;
    }
    Pointer host = Pointer.to(weights);
    clEnqueueWriteBuffer(queue, memory, CL_TRUE, 0, BYTES, host, 0, null, null);

    try (Pruner pruner = Pruner.builder().backend("opencl").open()) {
      long buffer = memory.getNativePointer();
      DeviceMatrix weight =
          DeviceMatrix.openCl(buffer, DType.F32, ROWS, COLUMNS, queue.getNativePointer());
      PruneResult result =
          pruner.prune(
              weight, Criterion.wanda(norms), new Sparsity.Ratio(0.5), PruneOptions.DEFAULT);
      System.out.println(result);
    }

    clEnqueueReadBuffer(queue, memory, CL_TRUE, 0, BYTES, host, 0, null, null);
    System.out.println("weights " + Integer.toHexString(Arrays.hashCode(weights)));
    clReleaseMemObject(memory);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
  }
}
