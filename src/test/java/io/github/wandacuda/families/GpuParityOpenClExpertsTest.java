package io.github.wandacuda.families;

import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.Gpu;

@BesideCuda
class GpuParityOpenClExpertsTest extends ExpertsParity {
  GpuParityOpenClExpertsTest() {
    super(Gpu.OPENCL::open, 1e-5);
  }
}
