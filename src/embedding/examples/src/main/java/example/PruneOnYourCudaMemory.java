package example;

import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRelease;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuInit;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.library.Pruner;
import java.util.Arrays;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** Prunes a matrix that the program has put into an NVIDIA GPU's memory, in its primary context. */
public final class PruneOnYourCudaMemory {
  private static final int ROWS = 64;
  private static final int COLUMNS = 256;
  private static final long BYTES = 4L * ROWS * COLUMNS;

  private PruneOnYourCudaMemory() {}

  /** JCuda shows the value of a pointer to subclasses only. */
  private static final class Memory extends CUdeviceptr {
    long address() {
      return getNativePointer();
    }
  }

  private static final class Stream extends CUstream {
    long handle() {
      return getNativePointer();
    }
  }

  /** Takes no arguments. */
  public static void main(String[] args) {
    JCudaDriver.setExceptionsEnabled(true);
    cuInit(0);
    CUdevice device = new CUdevice();
    cuDeviceGet(device, 0);
    CUcontext context = new CUcontext();
    cuDevicePrimaryCtxRetain(context, device);
    cuCtxSetCurrent(context);
    Stream stream = new Stream();
    cuStreamCreate(stream, 0);
    Memory memory = new Memory();
    cuMemAlloc(memory, BYTES);

    float[] weights = new float[ROWS * COLUMNS];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (i * 7919 % 2003 - 1001) / 1000f;
    }
    float[] norms = new float[COLUMNS];
    for (int i = 0; i < norms.length; i++) {
      norms[i] = 1 + i % 7;
    }
    cuMemcpyHtoDAsync(memory, Pointer.to(weights), BYTES, stream); // what is queued comes first

    try (Pruner pruner = Pruner.builder().backend("cuda").open()) {
      DeviceMatrix weight =
          DeviceMatrix.cuda(memory.address(), DType.F32, ROWS, COLUMNS, stream.handle());
      PruneResult result =
          pruner.prune(
              weight, Criterion.wanda(norms), new Sparsity.Ratio(0.5), PruneOptions.DEFAULT);
      System.out.println(result);
    }

    cuMemcpyDtoH(Pointer.to(weights), memory, BYTES);
    System.out.println("weights " + Integer.toHexString(Arrays.hashCode(weights)));
    cuMemFree(memory);
    cuStreamDestroy(stream);
    cuDevicePrimaryCtxRelease(device);
  }
}
