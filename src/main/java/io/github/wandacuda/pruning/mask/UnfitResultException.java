package io.github.wandacuda.pruning.mask;

/** A module can't be pruned as it was asked for. What it is called is known where it is caught. */
public final class UnfitResultException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String expected;
  private final String found;

  public UnfitResultException(String expected, String found) {
    super("expected %s, found %s".formatted(expected, found));
    this.expected = expected;
    this.found = found;
  }

  /** Returns what the module or its result should have been. */
  public String expected() {
    return expected;
  }

  public String found() {
    return found;
  }
}
