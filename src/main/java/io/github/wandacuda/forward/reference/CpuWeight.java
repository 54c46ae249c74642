package io.github.wandacuda.forward.reference;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Weight;

/** A weight where it already is: the view itself. */
public record CpuWeight(WeightMatrix matrix) implements Weight {
  @Override
  public int rows() {
    return matrix.rows();
  }

  @Override
  public int columns() {
    return matrix.columns();
  }

  /** Nothing was copied, so nothing is given back. */
  @Override
  public void close() {}
}
