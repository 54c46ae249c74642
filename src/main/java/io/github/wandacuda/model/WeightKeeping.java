package io.github.wandacuda.model;

/** How a decoder holds its blocks' weights. */
public enum WeightKeeping {
  /** As they are, for one block at a time that runs on many tokens. */
  WHILE_OPEN,

  /**
   * In the order in which the device reads them fastest, for blocks that stay open and run on one
   * to a few tokens, again and again; packed ones as they are, where the device multiplies them so.
   */
  RESIDENT,

  /** As {@link #RESIDENT}, but packed weights are unpacked. */
  RESIDENT_UNPACKED
}
