package io.github.wandacuda.families;

import io.github.wandacuda.backend.cpu.ScalarCpu;

class ScalarFixturesTest extends FixturesParity {
  ScalarFixturesTest() {
    super(() -> ScalarCpu.open(2), 0);
  }
}
