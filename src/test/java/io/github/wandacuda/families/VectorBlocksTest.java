package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;

class VectorBlocksTest extends BlocksParity {
  VectorBlocksTest() {
    super(() -> Pruning.cpu(2), 1e-6);
  }
}
