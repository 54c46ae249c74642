package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
@Thorough
class GpuParityOpenClSecondSizesTest extends SecondSizesMasks {
  @Override
  Backend device() {
    return Gpu.OPENCL.open();
  }

  @Override
  double differentBits() {
    return 0.001;
  }
}
