package io.github.wandacuda.system;

import java.util.function.Supplier;

/** Lets go of what work would have taken over, if it fails. */
public final class OnFailure {
  private OnFailure() {}

  /** Returns what work results in; if it throws, closes something and throws that on. */
  public static <T> T close(Runnable close, Supplier<T> work) {
    try {
      return work.get();
    } catch (RuntimeException | Error e) {
      close.run();
      throw e;
    }
  }

  /** Does work; if it throws, closes something and throws that on. */
  public static void run(Runnable close, Runnable work) {
    close(
        close,
        () -> {
          work.run();
          return null;
        });
  }
}
