package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Tensor;

/** What a part of a block reads of some samples, and what it is to put out for them. */
public interface FitSamples {
  /** Returns how many samples there are. */
  int samples();

  /** Returns the tokens of a sample. */
  int sequenceLength();

  /** Returns the features of a token. */
  int hiddenSize();

  /**
   * Copies what the part reads of a sample.
   *
   * @param input [sequenceLength, hidden size]
   */
  void readInput(int sample, Tensor input);

  /**
   * Copies what the part is to put out for a sample, after its factors.
   *
   * @param target [sequenceLength, hidden size]
   */
  void readTarget(int sample, Tensor target);

  /**
   * Returns the factor of the part's output for one of a sample's tokens, which is 1 unless a
   * router or a gate weighs it.
   *
   * @param token from 0, below the sequence length
   */
  default float factor(int sample, int token) {
    return 1;
  }
}
