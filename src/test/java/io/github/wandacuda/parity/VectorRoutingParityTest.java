package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.Pruning;

class VectorRoutingParityTest extends RoutingParity {
  @Override
  Backend device() {
    return Pruning.cpu(2);
  }
}
