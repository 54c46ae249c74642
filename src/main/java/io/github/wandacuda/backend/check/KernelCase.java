package io.github.wandacuda.backend.check;

import java.util.function.Function;

/**
 * A row of the table that a backend is checked by.
 *
 * @param name the kernel, and at which sizes
 * @param tolerance how far a result may be off, as a share of the largest one; 0 for the same bits
 * @param run computes the results on a side
 */
record KernelCase(String name, double tolerance, Function<CheckSide, float[]> run) {
  /** How far a sum in another order may be off. */
  static final double SUMS = 1e-5;

  /** A linear layer whose activations {@code --precision fast} rounds may be off by so much. */
  static final double FAST = 1e-2;

  /** Returns a case whose results have the same bits on every backend. */
  static KernelCase exact(String name, Function<CheckSide, float[]> run) {
    return new KernelCase(name, 0, run);
  }

  /** Returns a case whose sums some GPUs make in an order of their own. */
  static KernelCase sums(String name, Function<CheckSide, float[]> run) {
    return new KernelCase(name, SUMS, run);
  }
}
