package io.github.wandacuda.calibration;

import io.github.wandacuda.system.Labelled;

/** What blocks of a decoder are removed by, see {@link BlockChoice}. */
public enum BlockScore implements Labelled {
  /**
   * The mean loss without a block, which goes before the next is looked for (SLEB, Song et al.,
   * arXiv 2402.09025); the first and the last block stay.
   */
  LOSS,
  /** 1 - the mean cosine of a block's input and output (Men et al., arXiv 2403.03853). */
  INFLUENCE,
  /**
   * The mean angle between the input of some blocks side by side and their output, at the last
   * token (Gromov et al., arXiv 2403.17887).
   */
  ANGULAR
}
