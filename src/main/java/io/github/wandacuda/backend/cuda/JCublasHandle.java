package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.runtime.cudaStream_t;

/** A handle of cuBLAS 12, which is what JCuda binds to. */
final class JCublasHandle implements CublasHandle {
  private final cublasHandle handle = new cublasHandle();
  private final MemorySegment constants = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 1, 0);
  private final Pointer one = HostPointer.to(constants);
  private final Pointer zero = HostPointer.to(constants.asSlice(Float.BYTES));

  @Override
  public int create() {
    return JCublas2.cublasCreate(handle);
  }

  @Override
  public int setStream(CudaQueue queue) {
    return JCublas2.cublasSetStream(handle, new cudaStream_t(queue.stream()));
  }

  @Override
  public int multiply(DeviceRows x, DeviceRows w, boolean accumulate, DeviceRows out) {
    int type = CublasHandle.type(w.dtype());
    return JCublas2.cublasGemmEx_new(
        handle,
        cublasOperation.CUBLAS_OP_T,
        cublasOperation.CUBLAS_OP_N,
        out.columns(),
        out.rows(),
        w.columns(),
        one,
        CudaBuffer.pointer(w.data()),
        type,
        CublasHandle.stride(w),
        CudaBuffer.pointer(x.data()),
        type,
        CublasHandle.stride(x),
        accumulate ? one : zero,
        CudaBuffer.pointer(out.data()),
        cudaDataType.CUDA_R_32F,
        CublasHandle.stride(out),
        cublasComputeType.CUBLAS_COMPUTE_32F,
        cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
  }

  @Override
  public int destroy() {
    return JCublas2.cublasDestroy(handle);
  }
}
