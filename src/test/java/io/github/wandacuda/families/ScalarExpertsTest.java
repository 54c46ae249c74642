package io.github.wandacuda.families;

import io.github.wandacuda.backend.cpu.ScalarCpu;

class ScalarExpertsTest extends ExpertsParity {
  ScalarExpertsTest() {
    super(() -> ScalarCpu.open(2), 1e-6);
  }
}
