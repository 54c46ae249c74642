package io.github.wandacuda.families;

import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
@Thorough
class GpuParityOpenClSecondSizesTest extends SecondSizesMasks {
  GpuParityOpenClSecondSizesTest() {
    super(Gpu.OPENCL::open, 0.001);
  }
}
