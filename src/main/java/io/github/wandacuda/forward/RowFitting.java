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

  /** {@code out = w} on what is kept, or on what isn't, and 0 elsewhere. */
  void part(Tensor w, Tensor kept, boolean ofKept, Tensor out);

  /** Returns {@code x y} of each row. */
  double[] dots(Tensor x, Tensor y);

  /**
   * Improves masks by swaps, as {@code MaskSwaps} says.
   *
   * @param products what isn't kept of w, times G
   * @param groupSize columns of a group in which swaps must stay, if there are groups
   * @param most swaps of a row
   */
  void swap(Tensor w, Tensor products, OptionalInt groupSize, int most, Tensor kept);

  /**
   * Begins reconstruction.
   *
   * @param g of x as it is
   * @param p {@code w - x}, and then the first direction
   */
  void begin(Tensor kept, Tensor g, Tensor p);

  /**
   * Takes a step, in rows that haven't come to their end.
   *
   * @param products p times G
   */
  void step(Tensor kept, Tensor products, Tensor x, Tensor g, Tensor p);

  /** {@code x = start} in rows whose error didn't become less. */
  void end(Tensor w, Tensor start, Tensor g, Tensor x);

  /** {@code out = w sqrt(diag(G)) unit}, in float64 and then rounded. */
  void scale(Tensor w, double unit, Tensor out);

  /** {@code x = x / (sqrt(diag(G)) unit)}, likewise, and w where that is a division by 0. */
  void unscale(Tensor w, double unit, Tensor x);

  /**
   * {@code out = D - w - U} with the kept elements of t as D, and {@code U = fall t} where nothing
   * is kept, both 0 elsewhere.
   */
  void admmInput(Tensor w, Tensor kept, Tensor t, float fall, Tensor out);

  /** {@code t = w + factor products + U} with U as above. */
  void admmUpdate(Tensor w, Tensor kept, Tensor products, float fall, float factor, Tensor t);

  @Override
  void close();
}
