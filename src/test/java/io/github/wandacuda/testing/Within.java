package io.github.wandacuda.testing;

import java.time.Duration;

/** Waits that have a limit: where one would be for ever, the test fails. */
public final class Within {
  private static final Duration LIMIT = Duration.ofMinutes(10);

  private Within() {}

  /** Waits for a thread's end. */
  public static void end(Thread thread) throws InterruptedException {
    if (!thread.join(LIMIT)) {
      StringBuilder where = new StringBuilder();
      for (StackTraceElement frame : thread.getStackTrace()) {
        where.append("\n  at ").append(frame);
      }
      throw new AssertionError("no end after " + LIMIT + ": " + thread + where);
    }
  }
}
