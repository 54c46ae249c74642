package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.HostGpu;

/** The host's half of the GPU backends. */
class HostAttentionParityTest extends AttentionParity {
  @Override
  Backend device() {
    return HostGpu.open();
  }
}
