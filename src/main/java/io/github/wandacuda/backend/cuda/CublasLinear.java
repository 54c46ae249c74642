package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.error.BackendUnavailableException;
import java.util.Optional;
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
  private final CublasHandle handle;
  private boolean closed;

  private CublasLinear(CudaContext context, CublasHandle handle) {
    this.context = context;
    this.handle = handle;
  }

  /**
   * Prepares cuBLAS for a queue.
   *
   * @return empty if cuBLAS is missing or doesn't work on this device
   */
  public static Optional<CublasLinear> open(CudaQueue queue) {
    return Cublas.library().flatMap(cublas -> open(queue, cublas.handles().get()));
  }

  /** Prepares cuBLAS as {@link #open(CudaQueue)} does, with a handle that isn't created yet. */
  static Optional<CublasLinear> open(CudaQueue queue, CublasHandle handle) {
    CudaContext context = queue.device().context();
    context.enter();
    int created = handle.create();
    if (created != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      LOG.warn(
          "{}: own GEMM instead of cuBLAS: cublasCreate: {}",
          context.name(),
          cublasStatus.stringFor(created));
      return Optional.empty();
    }
    CublasLinear linear = new CublasLinear(context, handle);
    int set = handle.setStream(queue);
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
    int status = handle.multiply(x, w, accumulate, out);
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw failure(context, "cublasGemmEx", status);
    }
  }

  private static BackendUnavailableException failure(CudaContext context, String call, int status) {
    return new BackendUnavailableException(
        "%s: %s failed: %s".formatted(context.name(), call, cublasStatus.stringFor(status)));
  }

  /** Frees cuBLAS's workspace; all queued work must be finished. */
  @Override
  public void close() {
    if (!closed && context.tryEnter()) {
      int unused = handle.destroy();
    }
    closed = true;
  }
}
