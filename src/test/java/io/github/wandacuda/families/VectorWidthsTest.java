package io.github.wandacuda.families;

import io.github.wandacuda.testing.Pruning;

class VectorWidthsTest extends WidthsParity {
  VectorWidthsTest() {
    super(() -> Pruning.cpu(2));
  }
}
