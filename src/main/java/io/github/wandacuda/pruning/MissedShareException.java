package io.github.wandacuda.pruning;

import io.github.wandacuda.Sparsity;

/** Scores are equal so often that another share of a module would be pruned than was asked for. */
public final class MissedShareException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String expected;
  private final String found;

  MissedShareException(Sparsity.Ratio asked, double pruned) {
    super("a share of %s instead of %s".formatted(pruned, asked));
    expected = "scores that tell %s of the weights from the rest".formatted(asked);
    found = "equal ones, by which %.2f %% would be pruned".formatted(100 * pruned);
  }

  /** Returns what the module's scores should have been. */
  public String expected() {
    return expected;
  }

  /** Returns what they are. */
  public String found() {
    return found;
  }
}
