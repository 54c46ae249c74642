package io.github.wandacuda.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.LoggerFactory;

/**
 * Gives the work time to end in order when the process is told to (SIGINT, SIGTERM): it says how to
 * go on, and devices are let go of. An unfinished output is one that can be gone on with at every
 * moment, so nothing is lost where the time is too short.
 */
final class Cancellation {
  /** Longer than a tile or a layer takes, shorter than a person's patience. */
  private static final long PATIENCE_SECONDS = 2;

  private final CountDownLatch done = new CountDownLatch(1);

  private Cancellation() {}

  /** Interrupts the current thread when the process ends before {@link #workIsDone}. */
  static Cancellation ofCurrentThread() {
    Cancellation cancellation = new Cancellation();
    Thread worker = Thread.currentThread();
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> cancellation.cancel(worker), "wanda-cuda-cancel"));
    return cancellation;
  }

  private void cancel(Thread worker) {
    if (done.getCount() == 0) {
      return;
    }
    worker.interrupt();
    try {
      boolean cleaned = done.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
      // Not a constant: this class is the first, and logging is set up by the options.
      LoggerFactory.getLogger(Cancellation.class).debug("cleaned up before the end: {}", cleaned);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Says that there is nothing left to clean up. */
  void workIsDone() {
    done.countDown();
  }
}
