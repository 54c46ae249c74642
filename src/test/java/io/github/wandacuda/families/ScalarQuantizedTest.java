package io.github.wandacuda.families;

import io.github.wandacuda.backend.cpu.ScalarCpu;

class ScalarQuantizedTest extends QuantizedParity {
  ScalarQuantizedTest() {
    super(() -> ScalarCpu.open(2), 0);
  }
}
