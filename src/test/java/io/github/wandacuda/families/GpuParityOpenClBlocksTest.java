package io.github.wandacuda.families;

import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.Gpu;

@BesideCuda
@Thorough
class GpuParityOpenClBlocksTest extends BlocksParity {
  GpuParityOpenClBlocksTest() {
    super(Gpu.OPENCL::open, 1e-5);
  }
}
