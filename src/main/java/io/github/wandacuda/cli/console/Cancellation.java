package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.CancelledException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Gives the work time to end in order when the process is told to (SIGINT, SIGTERM): it says how to
 * go on, and devices are let go of. An unfinished output is one that can be gone on with at every
 * moment, so nothing is lost where the time is too short.
 */
public final class Cancellation {
  /** Longer than a tile or a layer takes, shorter than a person's patience. */
  private static final long PATIENCE_SECONDS = 2;

  private final ErrorReporter errors;
  private final CountDownLatch done = new CountDownLatch(1);
  private boolean asked;

  private Cancellation(ErrorReporter errors) {
    this.errors = errors;
  }

  /**
   * Interrupts the current thread when the process ends before {@link #workIsDone}, or now if it is
   * ending already.
   *
   * @param errors says that the work was cancelled where the work itself doesn't
   */
  public static Cancellation ofCurrentThread(ErrorReporter errors) {
    Cancellation cancellation = new Cancellation(errors);
    Thread worker = Thread.currentThread();
    try {
      Runtime.getRuntime()
          .addShutdownHook(new Thread(() -> cancellation.cancel(worker), "wanda-cuda-cancel"));
    } catch (IllegalStateException ending) {
      worker.interrupt();
    }
    return cancellation;
  }

  private void cancel(Thread worker) {
    synchronized (this) {
      if (done.getCount() == 0) {
        return;
      }
      asked = true;
    }
    worker.interrupt();
    try {
      if (!done.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        errors.report(new CancelledException());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Says that there is nothing left to clean up.
   *
   * @param exitCode the work's; the process ends with the signal's, where there was one
   */
  public void workIsDone(int exitCode) {
    synchronized (this) {
      if ((asked || isEnding()) && exitCode == 0) {
        errors.report(new CancelledException("cancelled, but the work was done", null));
      }
      done.countDown();
    }
  }

  /** Returns whether a signal is ending the process, though {@link #cancel} hasn't been called. */
  private static boolean isEnding() {
    Thread none = new Thread(() -> {}, "wanda-cuda-none");
    try {
      Runtime.getRuntime().addShutdownHook(none);
      return !Runtime.getRuntime().removeShutdownHook(none);
    } catch (IllegalStateException ending) {
      return true;
    }
  }
}
