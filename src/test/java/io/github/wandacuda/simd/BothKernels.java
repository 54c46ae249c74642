package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.util.function.Function;
import jdk.incubator.vector.VectorShape;

/**
 * Runs an operation on scalar kernels and on vector kernels of one width. The vector kernels are
 * the same for all calls, so that their buffers hold what an earlier call left there.
 */
final class BothKernels {
  private final CpuForwardKernels vector;

  BothKernels(VectorShape shape) {
    vector = ShapedKernels.load(CpuForwardKernels.class, "simd.VectorForward", shape);
  }

  /**
   * Checks that both give the same bits.
   *
   * @param threads of the vector kernels
   * @param work makes its inputs, the same each time, and returns its result
   */
  void agree(int threads, String what, Function<Operations, CpuTensor> work) {
    int[] expected = Samples.bits(run(new ScalarForward(), 1, work));
    int[] found = Samples.bits(run(vector, threads, work));
    assertThat(found).as(what).isEqualTo(expected);
  }

  private static CpuTensor run(
      CpuForwardKernels kernels, int threads, Function<Operations, CpuTensor> work) {
    try (Workers workers = new Workers(threads)) {
      return work.apply(CpuOperations.checked(kernels, workers));
    }
  }
}
