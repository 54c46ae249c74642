package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.Pruning;

class VectorAttentionParityTest extends AttentionParity {
  @Override
  Backend device() {
    return Pruning.cpu(2);
  }
}
