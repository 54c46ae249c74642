package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;

/** Launches {@code linear_sparse.cl}: linear layers whose weights are packed. */
final class OpenClLinearSparse {
  /** Work-items of a group for a feature. */
  private static final int LANES = 32;

  private static final int FEW = 4;
  private static final int MOST = 8;

  private final OpenClQueue queue;
  private final MatrixVariant variant;

  OpenClLinearSparse(OpenClQueue queue, MatrixVariant variant) {
    this.queue = queue;
    this.variant = variant;
  }

  /** Returns whether work-items are threads; processors have faster code for dense weights. */
  boolean isBest() {
    return variant.tiles();
  }

  /** See {@link io.github.wandacuda.backend.gpu.GpuForwardKernels#sparse}. */
  void linear(DeviceRows x, DeviceSparse w, DevicePointer bias, DeviceRows out) {
    if (out.rows() == 0 || w.rows() == 0) {
      return;
    }
    int tokens = x.rows() == 1 ? 1 : x.rows() <= FEW ? FEW : MOST;
    launch(
        "linear_sparse",
        " -D TOKENS=" + tokens,
        w,
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
    launch(
        "linear_unpack",
        "",
        w,
        w.values(),
        w.bitmask(),
        w.rowOffsets(),
        out.data(),
        out.stride(),
        w.rows(),
        w.columns());
  }

  private void launch(String name, String options, DeviceSparse w, Object... arguments) {
    String all = OpenClLinear.weightOption(w.dtype()) + options;
    OpenClKernel kernel = queue.device().kernel("linear_sparse.cl", name, all);
    int features = kernel.items() / LANES;
    long groups = Math.ceilDiv(w.rows(), features);
    queue.launch(
        kernel, new long[] {LANES, groups * features}, new long[] {LANES, features}, arguments);
  }
}
