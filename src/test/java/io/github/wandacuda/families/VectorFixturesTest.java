package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;

class VectorFixturesTest extends FixturesParity {
  VectorFixturesTest() {
    super(() -> Pruning.cpu(2), 0);
  }
}
