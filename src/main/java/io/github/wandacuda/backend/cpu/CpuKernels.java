package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.WideningKernels;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.scalar.ScalarSparse;
import io.github.wandacuda.scalar.ScalarWidening;
import io.github.wandacuda.simd.ExpandRows;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.simd.PanelRows;
import io.github.wandacuda.simd.VectorForward;
import io.github.wandacuda.simd.VectorWidening;
import io.github.wandacuda.system.ThisRuntime;
import java.util.function.Supplier;

/**
 * The kernels that the CPU backend computes with. They are made when they are first needed, since
 * loading their classes takes a short command a tenth of a second. Vector kernels are loaded only
 * if the Vector API's module is present.
 *
 * @param select makes the kernels of selection
 * @param forward makes the kernels of the forward pass, new ones at each call, since they keep
 *     buffers
 */
record CpuKernels(Supplier<CpuSelectKernels> select, Supplier<CpuForwardKernels> forward) {
  /** What a user has to do to get the vector kernels. */
  static final String ADVICE = "start Java with --add-modules " + ThisRuntime.VECTOR_MODULE;

  /** Returns the vector kernels where they can be loaded, else the scalar ones. */
  static CpuKernels choose() {
    return ThisRuntime.hasVectors()
        ? new CpuKernels(VectorSelect::new, VectorForward::new)
        : new CpuKernels(ScalarSelect::new, ScalarForward::new);
  }

  /** Returns what the kernels use of the processor, for people. */
  static String describe() {
    return ThisRuntime.hasVectors() ? Lanes.describe() + " vectors" : "scalar: " + ADVICE;
  }

  /** Returns the kernels that widen codes fastest on this processor. */
  static WideningKernels chooseWidening() {
    return ThisRuntime.hasVectors() ? new VectorWidening() : new ScalarWidening();
  }

  /** Returns what multiplies sparse matrices fastest on this processor. */
  static SparseKernels chooseSparse() {
    if (!ThisRuntime.hasVectors()) {
      return new ScalarSparse();
    }
    return Lanes.COMPRESSES_SHORTS ? new ExpandRows() : new PanelRows();
  }
}
