package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.Pruning;

class VectorDecoderPartsParityTest extends DecoderPartsParity {
  @Override
  Backend device() {
    return Pruning.cpu(2);
  }
}
