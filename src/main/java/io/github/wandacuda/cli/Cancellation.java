package io.github.wandacuda.cli;

import io.github.wandacuda.error.CancelledException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Cancels the work when the process is asked to end (SIGINT, SIGTERM) and gives it time to say how
 * to resume and to free devices. An unfinished output can be resumed at every moment, so nothing is
 * lost if the time is too short.
 */
final class Cancellation {
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
   * @param errors reports the cancellation if the work itself doesn't
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
   * Ends the wait of the shutdown hook, because the work is done and has cleaned up.
   *
   * @param exitCode the exit code of the work; if there was a signal, the process ends with the
   *     signal's code
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
