package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import jcuda.cudaDataType;

/**
 * A handle of cuBLAS, as one binding of it calls it. What is returned are cuBLAS's status codes, 0
 * for success, which are the same in all its versions.
 */
interface CublasHandle {
  /** Creates the handle ({@code cublasCreate}). */
  int create();

  /** Has what is queued from now on done in a stream ({@code cublasSetStream}). */
  int setStream(CudaQueue queue);

  /**
   * Queues {@code out[t, o] = sum over c of x[t, c] w[o, c]} ({@code cublasGemmEx}). A row-major
   * matrix is cuBLAS's transposed one, so this is {@code out^T = w x^T} there.
   */
  int multiply(DeviceRows x, DeviceRows w, boolean accumulate, DeviceRows out);

  /** Frees the handle and its workspace ({@code cublasDestroy}). */
  int destroy();

  /** Returns cuBLAS's name of an element type. */
  static int type(DType dtype) {
    return switch (dtype) {
      case F32 -> cudaDataType.CUDA_R_32F;
      case F16 -> cudaDataType.CUDA_R_16F;
      case BF16 -> cudaDataType.CUDA_R_16BF;
    };
  }

  /** Returns the distance between rows, for which cuBLAS takes 31 bits. */
  static int stride(DeviceRows matrix) {
    return Math.toIntExact(matrix.stride());
  }
}
