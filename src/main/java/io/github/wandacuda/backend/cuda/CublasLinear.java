package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.error.BackendUnavailableException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import jcuda.cudaDataType;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The product of a linear layer through cuBLAS, on one queue. Products are accumulated in float32,
 * and float32 inputs are never rounded to TF32.
 */
final class CublasLinear implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CublasLinear.class);

  private final CudaContext context;
  private final Cublas cublas;
  private final MemorySegment handle;
  private final MemorySegment one = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 1);
  private final MemorySegment zero = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 0);
  private boolean closed;

  private CublasLinear(CudaContext context, Cublas cublas, MemorySegment handle) {
    this.context = context;
    this.cublas = cublas;
    this.handle = handle;
  }

  /**
   * Prepares cuBLAS for a queue.
   *
   * @param queue on which all products are queued
   * @return the caller's to close before the queue; empty if cuBLAS is missing or doesn't work on
   *     this device
   */
  public static Optional<CublasLinear> open(CudaQueue queue) {
    return Cublas.library().flatMap(cublas -> open(queue, cublas));
  }

  static Optional<CublasLinear> open(CudaQueue queue, Cublas cublas) {
    CudaContext context = queue.device().context();
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment place = arena.allocate(ValueLayout.ADDRESS);
      int created = cublas.create.call(place);
      if (created != cublasStatus.CUBLAS_STATUS_SUCCESS) {
        LOG.warn(
            "{}: own GEMM instead of cuBLAS: cublasCreate: {}",
            context.name(),
            cublasStatus.stringFor(created));
        return Optional.empty();
      }
      MemorySegment handle = place.get(ValueLayout.ADDRESS, 0);
      CublasLinear linear = new CublasLinear(context, cublas, handle);
      int set = cublas.setStream.call(handle, MemorySegment.ofAddress(queue.streamHandle()));
      if (set != cublasStatus.CUBLAS_STATUS_SUCCESS) {
        linear.close();
        throw failure(context, "cublasSetStream", set);
      }
      return Optional.of(linear);
    }
  }

  /**
   * Queues {@code out[t, o] = sum over c of x[t, c] w[o, c]}. A row-major matrix is a transposed
   * matrix to cuBLAS, so this is {@code out^T = w x^T} there.
   *
   * @param x [tokens, columns]
   * @param w [features, columns], of the type of {@code x}
   * @param accumulate whether the product is added to {@code out} instead of replacing it
   * @param out float32 [tokens, features]
   */
  public void multiply(DeviceRows x, DeviceRows w, boolean accumulate, DeviceRows out) {
    if (x.dtype() != w.dtype() || out.dtype() != DType.F32) {
      throw new IllegalArgumentException(
          "%s times %s to %s".formatted(x.dtype(), w.dtype(), out.dtype()));
    }
    context.enter();
    int type =
        switch (w.dtype()) {
          case F32 -> cudaDataType.CUDA_R_32F;
          case F16 -> cudaDataType.CUDA_R_16F;
          case BF16 -> cudaDataType.CUDA_R_16BF;
        };
    int status =
        cublas.multiply.call(
            handle,
            cublasOperation.CUBLAS_OP_T,
            cublasOperation.CUBLAS_OP_N,
            out.columns(),
            out.rows(),
            w.columns(),
            one,
            start(w),
            type,
            stride(w),
            start(x),
            type,
            stride(x),
            accumulate ? one : zero,
            start(out),
            cudaDataType.CUDA_R_32F,
            stride(out),
            cublasComputeType.CUBLAS_COMPUTE_32F,
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw failure(context, "cublasGemmEx", status);
    }
  }

  private static MemorySegment start(DeviceRows matrix) {
    return MemorySegment.ofAddress(CudaBuffer.address(matrix.data()));
  }

  /** Returns the distance between rows, for which cuBLAS takes 31 bits. */
  private static int stride(DeviceRows matrix) {
    return Math.toIntExact(matrix.stride());
  }

  private static BackendUnavailableException failure(CudaContext context, String call, int status) {
    return new BackendUnavailableException(
        "%s: %s failed: %s".formatted(context.name(), call, cublasStatus.stringFor(status)));
  }

  /** Frees the handle and its workspace; all queued work must be finished. */
  @Override
  public void close() {
    if (!closed && context.tryEnter()) {
      int unused = cublas.destroy.call(handle);
    }
    closed = true;
  }
}
