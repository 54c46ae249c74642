package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;

class VectorExpertsTest extends ExpertsParity {
  VectorExpertsTest() {
    super(() -> Pruning.cpu(2), 1e-6);
  }
}
