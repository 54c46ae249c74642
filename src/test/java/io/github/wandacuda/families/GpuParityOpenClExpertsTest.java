package io.github.wandacuda.families;

import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityOpenClExpertsTest extends ExpertsParity {
  GpuParityOpenClExpertsTest() {
    super(Gpu.OPENCL::open, 1e-5);
  }
}
