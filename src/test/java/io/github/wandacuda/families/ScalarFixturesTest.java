package io.github.wandacuda.families;

import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.testing.Thorough;

@Thorough
class ScalarFixturesTest extends FixturesParity {
  ScalarFixturesTest() {
    super(() -> ScalarCpu.open(2), 0);
  }
}
