package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.ScalarCpu;

class ScalarSecondSizesTest extends SecondSizesParity {
  @Override
  Backend device() {
    return ScalarCpu.open(2);
  }
}
