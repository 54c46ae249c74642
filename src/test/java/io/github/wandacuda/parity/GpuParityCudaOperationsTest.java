package io.github.wandacuda.parity;

import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityCudaOperationsTest extends OperationsParity {
  @Override
  Gpu device() {
    return Gpu.CUDA;
  }
}
