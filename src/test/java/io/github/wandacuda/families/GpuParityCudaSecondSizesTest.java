package io.github.wandacuda.families;

import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

/**
 * Tensor cores take activations as two F16 halves, which keep all but a float32's last bits and
 * need no other tolerance.
 */
@Tag("gpu")
@Thorough
class GpuParityCudaSecondSizesTest extends SecondSizesMasks {
  GpuParityCudaSecondSizesTest() {
    super(Gpu.CUDA::open, 0.001);
  }
}
