package io.github.wandacuda.families;

import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.Gpu;

@BesideCuda
@Thorough
class GpuParityOpenClSecondSizesTest extends SecondSizesMasks {
  GpuParityOpenClSecondSizesTest() {
    super(Gpu.OPENCL::open, 0.001);
  }
}
