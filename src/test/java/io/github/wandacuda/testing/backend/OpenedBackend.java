package io.github.wandacuda.testing.backend;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.backend.cpu.CpuSelector;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.simd.ShapedKernels;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.Tier;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** A backend, opened when its operations or its selector are first asked for. */
public final class OpenedBackend implements AutoCloseable {
  private final TestedBackend which;
  private final List<Workers> workers = new ArrayList<>();
  private List<Operations> operations;
  private Operations scalar;
  private Selector selector;
  private Backend gpu;

  /** Names it; nothing is opened yet. */
  public OpenedBackend(TestedBackend which) {
    this.which = which;
  }

  /** Takes a GPU that is open, for instance with changed kernels. */
  public OpenedBackend(TestedBackend which, Backend gpu) {
    this.which = which;
    this.gpu = gpu;
  }

  public TestedBackend which() {
    return which;
  }

  /**
   * Returns its operations: on the CPU with 2 threads, or with 1 and with 3, by the same kernels,
   * whose buffers hold what an earlier call left there.
   */
  public List<Operations> operations() {
    if (operations == null) {
      if (which.isGpu()) {
        operations = List.of(gpu().operations());
      } else {
        CpuForwardKernels kernels =
            which.shape() == null
                ? new ScalarForward()
                : ShapedKernels.load(CpuForwardKernels.class, "simd.VectorForward", which.shape());
        operations =
            (Tier.isAll() ? IntStream.of(1, 3) : IntStream.of(2))
                .mapToObj(threads -> CpuOperations.checked(kernels, workers(threads)))
                .toList();
      }
    }
    return operations;
  }

  /** Returns the specification of the forward pass. */
  public Operations scalar() {
    if (scalar == null) {
      scalar = CpuOperations.checked(new ScalarForward(), workers(1));
    }
    return scalar;
  }

  /** Returns its selector, the same one each time, which may keep what it learns. */
  public Selector selector() {
    if (selector == null) {
      selector = which.isGpu() ? gpu().selector() : new CpuSelector(selectKernels());
    }
    return selector;
  }

  private CpuSelectKernels selectKernels() {
    return which.shape() == null
        ? new ScalarSelect()
        : ShapedKernels.load(CpuSelectKernels.class, "backend.cpu.VectorSelect", which.shape());
  }

  private Backend gpu() {
    if (gpu == null) {
      gpu = which.openGpu();
    }
    return gpu;
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
