package io.github.wandacuda.parity;

import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityOpenClOperationsTest extends OperationsParity {
  @Override
  Gpu device() {
    return Gpu.OPENCL;
  }
}
