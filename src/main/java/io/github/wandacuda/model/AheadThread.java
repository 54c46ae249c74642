package io.github.wandacuda.model;

import io.github.wandacuda.error.CancelledException;
import java.util.List;
import java.util.Optional;

/**
 * The thread of a {@link BlockAhead}. It is never interrupted, so that the files that it reads stay
 * open when a run is cancelled.
 */
final class AheadThread implements AutoCloseable {
  private final Thread thread;
  private volatile boolean wanted = true;
  private Throwable failure;

  /**
   * Begins.
   *
   * @param steps what is done, in this order, until one fails
   */
  AheadThread(List<? extends Runnable> steps) {
    thread =
        Thread.ofPlatform().daemon().name("wanda-cuda-read-ahead").unstarted(() -> doAll(steps));
    if (!steps.isEmpty()) {
      thread.start();
    }
  }

  private void doAll(List<? extends Runnable> steps) {
    try {
      for (Runnable step : steps) {
        if (!wanted) {
          return;
        }
        step.run();
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  /**
   * Waits until all is done.
   *
   * @return what a step threw
   * @throws CancelledException if the caller is interrupted
   */
  Optional<Throwable> await() {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancelledException();
    }
    return Optional.ofNullable(failure);
  }

  /** Begins no further step, and waits for the one under way. */
  @Override
  public void close() {
    wanted = false;
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
