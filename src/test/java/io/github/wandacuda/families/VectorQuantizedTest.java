package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;

class VectorQuantizedTest extends QuantizedParity {
  VectorQuantizedTest() {
    super(() -> Pruning.cpu(2), 0);
  }
}
