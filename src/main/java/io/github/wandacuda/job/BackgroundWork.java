package io.github.wandacuda.job;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.system.RealCause;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;

/**
 * A thread that does a run's tasks in their order, so that the run doesn't wait for the disk. The
 * thread is never interrupted, so the files that it uses stay open when the run is cancelled.
 */
final class BackgroundWork implements AutoCloseable {
  /**
   * How long {@link #close} waits: enough for small tasks. A task that waits for a slow disk is
   * given up.
   */
  private static final long PATIENCE_MILLIS = 1000;

  private final Deque<Runnable> tasks = new ArrayDeque<>();
  private final Thread thread;
  private long submitted;
  private long done;
  private boolean ending;
  private Throwable failure;

  public BackgroundWork(String name) {
    thread = Thread.ofPlatform().daemon().name(name).start(this::serve);
  }

  /** Begins one task, and returns what waits for its result; throws what it threw. */
  static <T> Supplier<T> begin(String name, Supplier<T> task) {
    FutureTask<T> future = new FutureTask<>(task::get);
    Thread thread = Thread.ofPlatform().daemon().name(name).start(future);
    return () -> {
      CancelledException.waiting(thread::join);
      RealCause.rethrow(future.state() == Future.State.FAILED ? future.exceptionNow() : null);
      return future.resultNow();
    };
  }

  /**
   * Adds a task and returns its number, for {@link #await(long)}; throws what an earlier one threw.
   */
  public synchronized long submit(Runnable task) {
    rethrow();
    tasks.add(task);
    notifyAll();
    return ++submitted;
  }

  /** Waits until all tasks are done; throws what one threw. */
  public synchronized void await() {
    await(submitted);
  }

  /** Waits until a task and all before it are done; throws what one threw. */
  public synchronized void await(long task) {
    while (failure == null && done < task) {
      CancelledException.waiting(this::wait);
    }
    rethrow();
  }

  /** Returns whether long tasks are to be given up. */
  public synchronized boolean isEnding() {
    return ending;
  }

  private void rethrow() {
    RealCause.rethrow(failure);
  }

  private void serve() {
    for (Runnable task = take(); task != null; task = take()) {
      try {
        task.run();
      } catch (RuntimeException | Error e) {
        fail(e);
        return;
      }
      end();
    }
  }

  private synchronized void end() {
    done++;
    notifyAll();
  }

  private synchronized Runnable take() {
    try {
      while (tasks.isEmpty() && !ending) {
        wait();
      }
    } catch (InterruptedException e) {
      return null;
    }
    return tasks.poll();
  }

  private synchronized void fail(Throwable e) {
    failure = e;
    tasks.clear();
    notifyAll();
  }

  /** Ends the thread after the remaining tasks, but waits no longer than a second for them. */
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
