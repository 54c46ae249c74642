package io.github.wandacuda.device.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.cuda.driver.CudaBuffer;
import io.github.wandacuda.device.cuda.driver.CudaContext;
import io.github.wandacuda.device.cuda.driver.HostPointer;
import io.github.wandacuda.error.BackendUnavailableException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The product of a linear layer through cuBLAS, on one queue. Products are accumulated in float32,
 * and float32 inputs are never rounded to TF32.
 */
public final class CublasLinear implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CublasLinear.class);

  private final CudaContext context;
  private final cublasHandle handle;
  private final MemorySegment constants = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 1, 0);
  private final Pointer one = HostPointer.to(constants);
  private final Pointer zero = HostPointer.to(constants.asSlice(Float.BYTES));
  private boolean closed;

  private CublasLinear(CudaContext context, cublasHandle handle) {
    this.context = context;
    this.handle = handle;
  }

  /**
   * Prepares cuBLAS for a queue.
   *
   * @return empty if cuBLAS is missing or doesn't work on this device
   */
  public static Optional<CublasLinear> open(CudaQueue queue) {
    if (Cublas.version().isEmpty()) {
      return Optional.empty();
    }
    CudaContext context = queue.device().context();
    context.enter();
    cublasHandle handle = new cublasHandle();
    int created = JCublas2.cublasCreate(handle);
    if (created != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      LOG.warn(
          "{}: own GEMM instead of cuBLAS: cublasCreate: {}",
          context.name(),
          cublasStatus.stringFor(created));
      return Optional.empty();
    }
    CublasLinear linear = new CublasLinear(context, handle);
    int set = JCublas2.cublasSetStream(handle, new cudaStream_t(queue.stream()));
    if (set != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      linear.close();
      throw failure(context, "cublasSetStream", set);
    }
    return Optional.of(linear);
  }

  /**
   * Queues {@code out[t, o] = sum over c of x[t, c] w[o, c]}.
   *
   * @param x [tokens, columns], of {@code w}'s type
   * @param w [features, columns]
   * @param accumulate whether the product is added to {@code out} instead
   * @param out float32 [tokens, features]
   */
  public void multiply(DeviceRows x, DeviceRows w, boolean accumulate, DeviceRows out) {
    if (x.dtype() != w.dtype() || out.dtype() != DType.F32) {
      throw new IllegalArgumentException(
          "%s times %s to %s".formatted(x.dtype(), w.dtype(), out.dtype()));
    }
    if (out.rows() == 0 || out.columns() == 0) {
      return;
    }
    context.enter();
    int type = type(w.dtype());
    // A row-major matrix is cuBLAS's transposed one, so this is out^T = w x^T.
    int status =
        JCublas2.cublasGemmEx_new(
            handle,
            cublasOperation.CUBLAS_OP_T,
            cublasOperation.CUBLAS_OP_N,
            out.columns(),
            out.rows(),
            w.columns(),
            one,
            CudaBuffer.pointer(w.data()),
            type,
            stride(w),
            CudaBuffer.pointer(x.data()),
            type,
            stride(x),
            accumulate ? one : zero,
            CudaBuffer.pointer(out.data()),
            cudaDataType.CUDA_R_32F,
            stride(out),
            cublasComputeType.CUBLAS_COMPUTE_32F,
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw failure(context, "cublasGemmEx", status);
    }
  }

  private static int type(DType dtype) {
    return switch (dtype) {
      case F32 -> cudaDataType.CUDA_R_32F;
      case F16 -> cudaDataType.CUDA_R_16F;
      case BF16 -> cudaDataType.CUDA_R_16BF;
    };
  }

  /** Returns the distance between rows, for which cuBLAS takes 31 bits. */
  private static int stride(DeviceRows matrix) {
    return Math.toIntExact(matrix.stride());
  }

  private static BackendUnavailableException failure(CudaContext context, String call, int status) {
    return new BackendUnavailableException(
        "%s: %s failed: %s".formatted(context.name(), call, cublasStatus.stringFor(status)));
  }

  /** Frees cuBLAS's workspace; all queued work must be finished. */
  @Override
  public void close() {
    if (!closed && context.tryEnter()) {
      int unused = JCublas2.cublasDestroy(handle);
    }
    closed = true;
  }
}
