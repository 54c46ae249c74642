package io.github.wandacuda.families;

import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.testing.FirstCases;

@FirstCases(2)
class ScalarExpertsTest extends ExpertsParity {
  ScalarExpertsTest() {
    super(() -> ScalarCpu.open(2), 1e-6);
  }
}
