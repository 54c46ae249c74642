package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Thorough;

@Thorough
class VectorSecondSizesTest extends SecondSizesMasks {
  VectorSecondSizesTest() {
    super(() -> Pruning.cpu(2), 0);
  }
}
