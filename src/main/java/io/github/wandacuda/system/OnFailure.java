package io.github.wandacuda.system;

import java.util.function.Supplier;

/** Frees something if the work that would have taken it over fails. */
public final class OnFailure {
  private OnFailure() {}

  /**
   * Runs work and returns its result. If the work throws, something is closed and the exception
   * goes on.
   *
   * @param close called only if the work fails
   */
  public static <T> T close(Runnable close, Supplier<T> work) {
    try {
      return work.get();
    } catch (RuntimeException | Error e) {
      close.run();
      throw e;
    }
  }

  /**
   * Runs work. If it throws, something is closed and the exception goes on.
   *
   * @param close called only if the work fails
   */
  public static void run(Runnable close, Runnable work) {
    close(
        close,
        () -> {
          work.run();
          return null;
        });
  }
}
