package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;

/** Launches {@code linear_sparse.cu}: linear layers whose weights are packed. */
final class CudaLinearSparse {
  private static final int THREADS = 256;

  /** Features of a block, each a warp's. */
  private static final int FEATURES = 8;

  private static final int FEW = 4;
  private static final int MOST = 8;

  private final CudaQueue queue;

  CudaLinearSparse(CudaQueue queue) {
    this.queue = queue;
  }

  /** See {@link io.github.wandacuda.backend.gpu.GpuForwardKernels#sparse}. */
  void linear(DeviceRows x, DeviceSparse w, DevicePointer bias, DeviceRows out) {
    if (out.rows() == 0 || w.rows() == 0) {
      return;
    }
    int tokens = x.rows() == 1 ? 1 : x.rows() <= FEW ? FEW : MOST;
    queue.launch(
        function("linear_sparse_" + tokens, w),
        Grid.of(Math.ceilDiv(w.rows(), FEATURES)),
        THREADS,
        0,
        x.data(),
        w.values(),
        w.bitmask(),
        w.rowOffsets(),
        bias,
        out.data(),
        out.stride(),
        x.rows(),
        w.rows(),
        w.columns());
  }

  /** See {@link io.github.wandacuda.backend.gpu.GpuForwardKernels#unpack}. */
  void unpack(DeviceSparse w, DeviceRows out) {
    if (w.rows() == 0 || w.columns() == 0) {
      return;
    }
    queue.launch(
        function("linear_unpack", w),
        Grid.of(Math.ceilDiv(w.rows(), FEATURES)),
        THREADS,
        0,
        w.values(),
        w.bitmask(),
        w.rowOffsets(),
        out.data(),
        out.stride(),
        w.rows(),
        w.columns());
  }

  private CudaFunction function(String kernel, DeviceSparse w) {
    return queue.device().function("linear_sparse", KernelNames.of(kernel, w.dtype()));
  }
}
