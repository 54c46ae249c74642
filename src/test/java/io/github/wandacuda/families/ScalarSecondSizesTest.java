package io.github.wandacuda.families;

import io.github.wandacuda.backend.cpu.ScalarCpu;

class ScalarSecondSizesTest extends SecondSizesParity {
  ScalarSecondSizesTest() {
    super(() -> ScalarCpu.open(2), 0);
  }
}
