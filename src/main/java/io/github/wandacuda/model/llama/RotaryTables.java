package io.github.wandacuda.model.llama;

import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.model.DecoderWeights;

/** The rotary embedding's cosines and sines on the device, for one sequence length at a time. */
final class RotaryTables implements AutoCloseable {
  private final RotaryFrequencies frequencies;
  private final DecoderWeights weights;
  private int length;
  private Tensor cosines;
  private Tensor sines;

  RotaryTables(RotaryFrequencies frequencies, DecoderWeights weights) {
    this.frequencies = frequencies;
    this.weights = weights;
  }

  void prepare(int sequenceLength) {
    if (sequenceLength != length) {
      close();
      cosines = weights.tensor(frequencies.cosines(sequenceLength), sequenceLength, pairs());
      sines = weights.tensor(frequencies.sines(sequenceLength), sequenceLength, pairs());
      length = sequenceLength;
    }
  }

  Tensor cosines() {
    return cosines;
  }

  Tensor sines() {
    return sines;
  }

  private int pairs() {
    return frequencies.pairs();
  }

  @Override
  public void close() {
    if (length > 0) {
      length = 0;
      cosines.close();
      sines.close();
    }
  }
}
