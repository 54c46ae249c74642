package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.Pruning;

class VectorFixturesTest extends FixturesParity {
  @Override
  Backend device() {
    return Pruning.cpu(2);
  }
}
