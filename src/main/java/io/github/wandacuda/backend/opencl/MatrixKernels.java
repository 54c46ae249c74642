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
  /** As {@link io.github.wandacuda.backend.gpu.GpuForwardKernels#linear}. */
  void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out);

  /** As {@link io.github.wandacuda.backend.gpu.GpuForwardKernels#attention}. */
  void attention(
      DeviceMatrix q,
      DeviceMatrix k,
      DeviceMatrix v,
      AttentionShape shape,
      DeviceMatrix keyBias,
      DeviceMatrix out);

  /** Returns what suits a queue's device. */
  static MatrixKernels of(OpenClQueue queue) {
    return queue.device().facts().gpu() ? new TileKernels(queue) : new VectorKernels(queue);
  }

  /** Returns the first element of a matrix, or null for none. */
  static DevicePointer dataOrNull(DeviceMatrix matrix) {
    return matrix == null ? null : matrix.data();
  }

  /** Returns the compiler's options for what scores of attention go through. */
  static String scoreOptions(AttentionShape shape, DeviceMatrix keyBias) {
    // A window as long as the sequence hides nothing.
    boolean windowed = shape.window() > 0 && shape.window() < shape.sequenceLength();
    return "-D WINDOWED=%d -D BOUNDED=%d -D BIASED=%d"
        .formatted(windowed ? 1 : 0, shape.softcap() > 0 ? 1 : 0, keyBias == null ? 0 : 1);
  }

  /** Returns the compiler's option for a type of weights. */
  static String weightOption(DType dtype) {
    return "-D WEIGHT_" + dtype.name();
  }
}
