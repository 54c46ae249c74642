package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.Pruning;

class VectorSecondSizesTest extends SecondSizesMasks {
  @Override
  Backend device() {
    return Pruning.cpu(2);
  }
}
