package io.github.wandacuda.calibration;

import java.util.List;

/** The sequences of token ids that a calibration runs over, all of one length. */
public final class CalibrationSamples {
  private final int[][] tokens;
  private final boolean joined;

  /**
   * Takes the sequences without a copy.
   *
   * @param tokens at least one sequence, each of the same length of at least one id
   * @param joined whether they were drawn from documents that were joined
   */
  CalibrationSamples(List<int[]> tokens, boolean joined) {
    this.joined = joined;
    this.tokens = tokens.toArray(int[][]::new);
    if (this.tokens.length == 0 || this.tokens[0].length == 0) {
      throw new IllegalArgumentException("no samples, or empty ones");
    }
    for (int[] sample : this.tokens) {
      if (sample.length != sequenceLength()) {
        throw new IllegalArgumentException("samples of different lengths");
      }
    }
  }

  /** Returns the token ids [{@link #count}][{@link #sequenceLength}], not to be changed. */
  public int[][] tokens() {
    return tokens;
  }

  /** Returns whether they were drawn from documents that were joined. */
  public boolean joined() {
    return joined;
  }

  /** Returns the number of tokens of each sample. */
  public int sequenceLength() {
    return tokens[0].length;
  }

  /**
   * Returns a digest of the samples: the SHA-256, in lower-case hexadecimal, of all token ids in
   * order, each as four bytes, the lowest first.
   */
  public String sha256() {
    return TokenDigest.sha256(tokens);
  }
}
