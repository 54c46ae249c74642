package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.scalar.RadixSelect;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSparse;
import io.github.wandacuda.system.ThisRuntime;

/** Which kernels this JVM can run. */
final class KernelChoice {
  /** The module that the vector kernels need, which a JVM has only where it was asked for. */
  static final String VECTOR_MODULE = "jdk.incubator.vector";

  /** What gets the vector kernels. */
  static final String ADVICE = "start Java with --add-modules " + VECTOR_MODULE;

  private KernelChoice() {}

  /** Returns whether the vector kernels can be loaded. */
  static boolean hasVectors() {
    return ThisRuntime.hasClass(VECTOR_MODULE + ".Vector");
  }

  /** Returns the vector kernels where they can be loaded, else the scalar ones. */
  static CpuKernels choose() {
    return hasVectors()
        ? VectorCpuKernels.create()
        : new CpuKernels(new RadixSelect(), new ScalarForward(), "scalar: " + ADVICE);
  }

  /** Returns what multiplies sparse matrices. */
  static SparseKernels chooseSparse() {
    return hasVectors() ? VectorCpuKernels.createSparse() : new ScalarSparse();
  }
}
