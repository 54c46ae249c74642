package io.github.wandacuda.parity;

import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityOpenClModelTest extends ModelParity {
  @Override
  Gpu device() {
    return Gpu.OPENCL;
  }
}
