package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.scalar.RadixSelect;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSparse;
import io.github.wandacuda.system.ThisRuntime;

/** Which kernels this JVM can run. */
final class KernelChoice {
  /** What gets the vector kernels. */
  static final String ADVICE = "start Java with --add-modules " + ThisRuntime.VECTOR_MODULE;

  private KernelChoice() {}

  /** Returns the vector kernels where they can be loaded, else the scalar ones. */
  static CpuKernels choose() {
    return ThisRuntime.hasVectors()
        ? VectorCpuKernels.create()
        : new CpuKernels(new RadixSelect(), new ScalarForward(), "scalar: " + ADVICE);
  }

  /** Returns what multiplies sparse matrices. */
  static SparseKernels chooseSparse() {
    return ThisRuntime.hasVectors() ? VectorCpuKernels.createSparse() : new ScalarSparse();
  }
}
