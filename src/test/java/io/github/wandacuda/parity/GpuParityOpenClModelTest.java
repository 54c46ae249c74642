package io.github.wandacuda.parity;

import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.Gpu;

@BesideCuda
class GpuParityOpenClModelTest extends ModelParity {
  @Override
  Gpu device() {
    return Gpu.OPENCL;
  }
}
