package io.github.wandacuda.pruning.mask;

/**
 * A module can't be pruned as it was asked for. The one who catches it knows the module's name, and
 * says it.
 */
public final class UnfitResultException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String expected;
  private final String found;

  /**
   * Says what is wrong, in the words of a message.
   *
   * @param expected what the module or its result should have been
   * @param found what it is
   */
  public UnfitResultException(String expected, String found) {
    super("expected %s, found %s".formatted(expected, found));
    this.expected = expected;
    this.found = found;
  }

  /** Returns what the module or its result should have been. */
  public String expected() {
    return expected;
  }

  /** Returns what it is. */
  public String found() {
    return found;
  }
}
