package io.github.wandacuda.families;

import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.backend.Gpu;
import java.util.Set;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
@FirstCases(6)
class GpuParityCudaFixturesTest extends FixturesParity {
  /**
   * Tensor cores take activations as two BF16 halves where weights are BF16: 1.3e-5 on norms was
   * seen.
   */
  private static final Set<String> BFLOAT = Set.of("deepseek_v3", "gpt_oss");

  GpuParityCudaFixturesTest() {
    super(Gpu.CUDA::open, 0.001);
  }

  @Override
  int times(String family) {
    return BFLOAT.contains(family) ? 2 : 1;
  }
}
