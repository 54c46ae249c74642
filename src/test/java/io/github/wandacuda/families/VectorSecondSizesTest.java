package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;

class VectorSecondSizesTest extends SecondSizesMasks {
  VectorSecondSizesTest() {
    super(() -> Pruning.cpu(2), 0);
  }
}
