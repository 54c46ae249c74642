package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.lang.foreign.Arena;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The same calls with weights that a GPU prunes. Closing a device checks that nothing is left. */
@Tag("gpu")
class GpuCallsTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  /** What is opened, and how much it can be given. */
  enum Gpu {
    OPENCL(TestedBackend.OPENCL, 800, 200),
    CUDA(TestedBackend.CUDA, 64, 200);

    private final TestedBackend backend;
    private final int rows;
    private final int calls;

    Gpu(TestedBackend backend, int rows, int calls) {
      this.backend = backend;
      this.rows = rows;
      this.calls = calls;
    }

    Pruner open() {
      ExecutorService helpers = Executors.newFixedThreadPool(2);
      return new Pruner(new OpenBackend(backend.openGpu(), helpers, helpers::shutdown));
    }
  }

  @ParameterizedTest
  @EnumSource
  @Thorough
  void eightHundredCallsOfFourThreadsGiveTheRightMasks(Gpu gpu) throws Exception {
    try (Pruner pruner = gpu.open()) {
      new ManyCalls(gpu.rows).run(pruner, 4, gpu.calls);
    }
  }

  @ParameterizedTest
  @EnumSource
  void confinedMemoryIsPruned(Gpu gpu) {
    try (Pruner pruner = gpu.open();
        Arena arena = Arena.ofConfined()) {
      WeightMatrix weight = Weights.random(arena, DType.F32, gpu.rows, 192, 1);
      WeightMatrix source = Weights.copy(weight);
      float[] norms = Weights.norms(192, 1);
      Mask mask = Mask.of(arena.allocate(gpu.rows * 24L), gpu.rows, 192);
      PruneOptions options = PruneOptions.DEFAULT.withMask(mask);
      pruner.prune(weight, Criterion.wanda(norms), HALF, options);
      boolean[][] kept = Weights.kept(source, norms, HALF);
      Weights.check(weight, source, kept);
      assertThat(Weights.bytes(mask)).isEqualTo(Weights.bytes(Weights.mask(kept)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void namesAWeightThatIsNotFinite(Gpu gpu) {
    try (Pruner pruner = gpu.open()) {
      WeightMatrix weight = Weights.random(DType.BF16, gpu.rows, 192, 1);
      Weights.set(weight, gpu.rows - 2, 100, Float.NaN);
      Mask mask = Mask.allocate(gpu.rows, 192);
      assertThatThrownBy(
              () -> pruner.mask(weight, mask, Criterion.magnitude(), HALF, PruneOptions.DEFAULT))
          .isInstanceOfSatisfying(
              NonFiniteWeightException.class, e -> assertThat(e.row()).isEqualTo(gpu.rows - 2));
    }
  }

  @ParameterizedTest
  @EnumSource
  void sumsAreThoseOfTheCpu(Gpu gpu) {
    WeightMatrix activations = Weights.random(DType.BF16, 70, 40, 1);
    try (Pruner pruner = gpu.open();
        Pruner cpu = Pruner.builder().backend("cpu").open();
        ColumnNorms norms = pruner.columnNorms(40);
        ColumnNorms expected = cpu.columnNorms(40)) {
      assertThat(norms.add(activations).norms(3)).isEqualTo(expected.add(activations).norms(3));
      expected.merge(norms);
    }
  }

  @ParameterizedTest
  @EnumSource
  void theDeviceIsGivenBackWhenTheLastUserIsGone(Gpu gpu) {
    Pruner pruner = gpu.open();
    ColumnNorms norms = pruner.columnNorms(8);
    WeightMatrix weight = Weights.random(DType.F32, gpu.rows, 192, 1);
    PruneOptions closing = PruneOptions.DEFAULT.withProgress((done, total) -> pruner.close());
    pruner.prune(weight, Criterion.magnitude(), HALF, closing);
    norms.add(new float[16], 0, 2);
    assertThat(norms.sums()).containsOnly(0);
    norms.close();
    assertThatThrownBy(() -> pruner.columnNorms(8)).isInstanceOf(IllegalStateException.class);
  }
}
