package io.github.wandacuda.forward;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.cpu.CpuOperations;
import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.ScalarForward;
import io.github.wandacuda.simd.ShapedKernels;
import io.github.wandacuda.system.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** A backend's operations, opened when they are first asked for. */
final class OpenedBackend implements AutoCloseable {
  private static final int MOST_THREADS = 3;

  private final TestedBackend which;
  private final List<Workers> workers = new ArrayList<>();
  private List<Operations> operations;
  private Operations scalar;
  private Backend gpu;

  OpenedBackend(TestedBackend which) {
    this.which = which;
  }

  TestedBackend which() {
    return which;
  }

  /**
   * Returns its operations: on the CPU with 1, 2 and 3 threads, by the same kernels, whose buffers
   * hold what an earlier call left there.
   */
  List<Operations> operations() {
    if (operations == null) {
      if (which.isGpu()) {
        gpu = which.openGpu();
        operations = List.of(gpu.operations());
      } else {
        CpuForwardKernels kernels =
            which.shape() == null
                ? new ScalarForward()
                : ShapedKernels.load(
                    CpuForwardKernels.class, "forward.simd.VectorForward", which.shape());
        operations =
            IntStream.rangeClosed(1, MOST_THREADS)
                .mapToObj(threads -> CpuOperations.checked(kernels, workers(threads)))
                .toList();
      }
    }
    return operations;
  }

  /** Returns the specification. */
  Operations scalar() {
    if (scalar == null) {
      scalar = CpuOperations.checked(new ScalarForward(), workers(1));
    }
    return scalar;
  }

  private Workers workers(int threads) {
    Workers some = new Workers(threads);
    workers.add(some);
    return some;
  }

  @Override
  public void close() {
    workers.forEach(Workers::close);
    if (gpu != null) {
      gpu.close();
    }
  }

  @Override
  public String toString() {
    return which.name();
  }
}
