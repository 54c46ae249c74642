package io.github.wandacuda.job.output;

import io.github.wandacuda.error.CancelledException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A thread that does work beside a run, in the order in which it was handed over: what waits for
 * the device, so that the run doesn't. It is never interrupted, so that the files that it uses stay
 * open when the run is.
 */
final class BackgroundWork implements AutoCloseable {
  /** Long enough for the small things that wait; what waits for a slow device is left undone. */
  private static final long PATIENCE_MILLIS = 1000;

  private final Deque<Runnable> tasks = new ArrayDeque<>();
  private final Thread thread;
  private boolean working;
  private boolean ending;
  private Throwable failure;

  BackgroundWork(String name) {
    thread = Thread.ofPlatform().daemon().name(name).start(this::serve);
  }

  /**
   * Hands over work.
   *
   * @throws RuntimeException what earlier work threw
   */
  synchronized void submit(Runnable task) {
    rethrow();
    tasks.add(task);
    notifyAll();
  }

  /**
   * Waits until all work is done.
   *
   * @throws RuntimeException what work threw
   * @throws CancelledException if the thread is interrupted
   */
  synchronized void await() {
    try {
      while (failure == null && (working || !tasks.isEmpty())) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancelledException();
    }
    rethrow();
  }

  /** Returns whether long work is to be given up. */
  synchronized boolean isEnding() {
    return ending;
  }

  private void rethrow() {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }

  private void serve() {
    for (Runnable task = take(); task != null; task = take()) {
      try {
        task.run();
      } catch (RuntimeException | Error e) {
        fail(e);
        return;
      }
    }
  }

  private synchronized Runnable take() {
    working = false;
    notifyAll();
    try {
      while (tasks.isEmpty() && !ending) {
        wait();
      }
    } catch (InterruptedException e) {
      return null;
    }
    working = !tasks.isEmpty();
    return tasks.poll();
  }

  private synchronized void fail(Throwable e) {
    failure = e;
    tasks.clear();
    working = false;
    notifyAll();
  }

  /** Ends the thread after the work that is left, as far as that is short. */
  @Override
  public void close() {
    synchronized (this) {
      ending = true;
      notifyAll();
    }
    boolean interrupted = Thread.interrupted();
    try {
      thread.join(PATIENCE_MILLIS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
