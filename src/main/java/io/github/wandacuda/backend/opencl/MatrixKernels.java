package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.tensor.DType;

/**
 * Launches the kernels that multiply matrices, which take nearly all of the time and are written
 * twice: for work-items that share tiles in local memory, and for work-items that are vector code.
 * No result is empty.
 */
interface MatrixKernels {
  /** As {@link io.github.wandacuda.backend.gpu.ForwardKernels#linear}. */
  void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out);

  /** As {@link io.github.wandacuda.backend.gpu.ForwardKernels#attention}. */
  void attention(
      DeviceMatrix q, DeviceMatrix k, DeviceMatrix v, AttentionShape shape, DeviceMatrix out);

  /** Returns what suits a queue's device. */
  static MatrixKernels of(OpenClQueue queue) {
    return queue.device().facts().gpu() ? new TileKernels(queue) : new VectorKernels(queue);
  }

  /** Returns the compiler's option for a type of weights. */
  static String weightOption(DType dtype) {
    return "-D WEIGHT_" + dtype.name();
  }
}
