package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.WideningKernels;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.RadixSelect;
import io.github.wandacuda.scalar.ScalarForward;
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
 * One set of kernels for all that the CPU backend computes, which are made when they are needed:
 * their classes take a short command a tenth of a second.
 */
record CpuKernels(Supplier<CpuSelectKernels> select, Supplier<CpuForwardKernels> forward) {
  /** What gets the vector kernels. */
  static final String ADVICE = "start Java with --add-modules " + ThisRuntime.VECTOR_MODULE;

  /** Returns the vector kernels where they can be loaded, else the scalar ones. */
  static CpuKernels choose() {
    return ThisRuntime.hasVectors()
        ? VectorCpuKernels.create()
        : new CpuKernels(RadixSelect::new, ScalarForward::new);
  }

  /** Returns what the kernels use of the processor, for people. */
  static String describe() {
    return ThisRuntime.hasVectors() ? VectorCpuKernels.describe() : "scalar: " + ADVICE;
  }

  static WideningKernels chooseWidening() {
    return ThisRuntime.hasVectors() ? VectorCpuKernels.createWidening() : new ScalarWidening();
  }

  static SparseKernels chooseSparse() {
    return ThisRuntime.hasVectors() ? VectorCpuKernels.createSparse() : new ScalarSparse();
  }

  /** The kernels of this package; to be loaded only where the Vector API's module is present. */
  private static final class VectorCpuKernels {
    private VectorCpuKernels() {}

    public static CpuKernels create() {
      return new CpuKernels(VectorSelect::new, VectorForward::new);
    }

    public static String describe() {
      return Lanes.describe() + " vectors";
    }

    public static WideningKernels createWidening() {
      return new VectorWidening();
    }

    /** Returns what multiplies sparse matrices fastest on this processor. */
    public static SparseKernels createSparse() {
      return Lanes.COMPRESSES_SHORTS ? new ExpandRows() : new PanelRows();
    }
  }
}
