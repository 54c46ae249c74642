package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.system.Labelled;

/**
 * By what the input columns of a linear layer are ranked, with W its weights, G the mean second
 * moments of the inputs, and m their means.
 */
public enum ColumnScore implements Labelled {
  /**
   * What is lost if it goes and all others are fitted, by the elimination of a column (Optimal
   * Brain Surgeon).
   */
  GREEDY,
  /** The mean of |W| of the column, times the root of G_jj (Wanda, arXiv 2306.11695, section 3). */
  WANDA,
  /** (G_jj - m_j^2) times the sum of the column's squares (FLAP, An et al., arXiv 2312.11983). */
  FLAP,
  /** The root of the sum of the column's squares. */
  MAGNITUDE
}
