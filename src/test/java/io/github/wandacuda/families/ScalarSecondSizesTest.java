package io.github.wandacuda.families;

import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.testing.Thorough;

@Thorough
class ScalarSecondSizesTest extends SecondSizesParity {
  ScalarSecondSizesTest() {
    super(() -> ScalarCpu.open(2), 0);
  }
}
