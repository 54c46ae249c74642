package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.simd.ExpandRows;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.simd.PanelRows;
import io.github.wandacuda.simd.VectorForward;

/** The kernels of this package; to be loaded only where the Vector API's module is present. */
final class VectorCpuKernels {
  private VectorCpuKernels() {}

  /** Returns the kernels at the machine's widest vectors. */
  public static CpuKernels create() {
    return new CpuKernels(new VectorSelect(), new VectorForward(), Lanes.describe() + " vectors");
  }

  /** Returns what multiplies sparse matrices fastest on this processor. */
  public static SparseKernels createSparse() {
    return Lanes.COMPRESSES_SHORTS ? new ExpandRows() : new PanelRows();
  }
}
