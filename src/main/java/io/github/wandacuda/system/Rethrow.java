package io.github.wandacuda.system;

/** Throws on what failed in another thread. */
public final class Rethrow {
  private Rethrow() {}

  /**
   * Throws an unchecked exception or an error on, as it is.
   *
   * @param failure or null if nothing failed
   */
  public static void unchecked(Throwable failure) {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }
}
