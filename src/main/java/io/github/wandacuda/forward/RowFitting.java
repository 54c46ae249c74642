package io.github.wandacuda.forward;

import java.util.OptionalInt;

/**
 * The work on pruned rows beside their products with the second moments G of a layer's inputs:
 * swaps of a mask, reconstruction of what it keeps, and the alternation of ALPS. Results have the
 * same bits on every backend: sums are float64, in the order that {@code RowArithmetic} states.
 *
 * <p>All tensors are [rows, columns], G's columns; those of a beginning, its steps and its end have
 * the same rows. Operands aren't checked. {@code kept} is 1 for a kept weight and 0 for a pruned
 * one. A step of reconstruction has for a row with weights w the solution x so far, {@code g = (w -
 * x) G}, and the direction p:
 *
 * <pre>{@code
 * z = g / diag(G) on the kept columns, 0 elsewhere
 * alpha = (g z) / (p G p),   x += alpha p,   g -= alpha p G
 * beta = (g z) / (its value before),   p = z + beta p
 * }</pre>
 */
public interface RowFitting extends AutoCloseable {
  /** {@code out = x - y}. */
  void difference(Tensor x, Tensor y, Tensor out);

  /**
   * Copies the kept part of each row, or the other: {@code out = w} there and 0 elsewhere.
   *
   * @param ofKept whether it is the kept part
   */
  void part(Tensor w, Tensor kept, boolean ofKept, Tensor out);

  /** Returns the product {@code x y} of each row. */
  double[] dots(Tensor x, Tensor y);

  /**
   * Improves masks by swaps, as {@code MaskSwaps} says.
   *
   * @param products what isn't kept of w, times G
   * @param groupSize columns of a group in which swaps must stay, if there are groups
   * @param most how many swaps a row may have
   * @param kept the mask, which is improved
   */
  void swap(Tensor w, Tensor products, OptionalInt groupSize, int most, Tensor kept);

  /**
   * Begins reconstruction.
   *
   * @param g of x as it is, see above
   * @param p {@code w - x}, which becomes the first direction
   */
  void begin(Tensor kept, Tensor g, Tensor p);

  /**
   * Takes a step of reconstruction, in rows that haven't come to their end.
   *
   * @param products p times G
   * @param x the solution so far, which is improved
   * @param g is brought up to date
   * @param p becomes the next direction
   */
  void step(Tensor kept, Tensor products, Tensor x, Tensor g, Tensor p);

  /**
   * Ends reconstruction: {@code x = start} in rows whose error didn't become less.
   *
   * @param start the solution that it began with
   */
  void end(Tensor w, Tensor start, Tensor g, Tensor x);

  /**
   * Scales columns, as ALPS does before it begins: {@code out = w sqrt(diag(G)) unit}, computed in
   * float64 and then rounded.
   */
  void scale(Tensor w, double unit, Tensor out);

  /**
   * Undoes {@link #scale}: {@code x = x / (sqrt(diag(G)) unit)}, computed likewise; where that is a
   * division by 0, x becomes w.
   */
  void unscale(Tensor w, double unit, Tensor x);

  /**
   * Computes what a step of ALPS multiplies with the inverse: {@code out = D - w - U}. D is t where
   * a weight is kept, U is {@code fall t} where none is; both are 0 elsewhere.
   */
  void admmInput(Tensor w, Tensor kept, Tensor t, float fall, Tensor out);

  /** Ends a step of ALPS: {@code t = w + factor products + U} with U as in {@link #admmInput}. */
  void admmUpdate(Tensor w, Tensor kept, Tensor products, float fall, float factor, Tensor t);

  /** Frees what is kept beside the tensors. */
  @Override
  void close();
}
