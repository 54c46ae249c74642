package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A thread that does a run's tasks in their order, so that the run doesn't wait for the disk. The
 * thread is never interrupted, so the files that it uses stay open when the run is cancelled.
 */
public final class BackgroundWork implements AutoCloseable {
  /** What is done already. */
  public static final Future<?> NOTHING = CompletableFuture.completedFuture(null);

  /** How long {@link #close} waits for small tasks; one that waits for a slow disk is given up. */
  private static final long PATIENCE_MILLIS = 1000;

  private final ExecutorService thread;
  private volatile Future<?> last = NOTHING;
  private volatile Throwable failure;

  public BackgroundWork(String name) {
    thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(name).factory());
  }

  /** Begins one task, and returns what waits for its result; throws what it threw. */
  public static <T> Supplier<T> begin(String name, Supplier<T> task) {
    FutureTask<T> future = new FutureTask<>(task::get);
    Thread thread = Thread.ofPlatform().daemon().name(name).start(future);
    return () -> {
      CancelledException.waiting(thread::join);
      RealCause.rethrow(future.state() == Future.State.FAILED ? future.exceptionNow() : null);
      return future.resultNow();
    };
  }

  /** Adds a task; throws what an earlier one threw. */
  public synchronized void submit(Runnable task) {
    RealCause.rethrow(failure);
    last = thread.submit(() -> run(task));
  }

  /** Returns the task that was added last, for {@link #await(Future)}. */
  public Future<?> last() {
    return last;
  }

  /** Does a task, unless one before it has failed. */
  private void run(Runnable task) {
    try {
      if (failure == null) {
        task.run();
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  /** Waits until all tasks are done; throws what one threw. */
  public void await() {
    await(last);
  }

  /** Waits until a task and all before it are done; throws what one threw. */
  public void await(Future<?> task) {
    CancelledException.waiting(
        () -> {
          try {
            task.get();
          } catch (ExecutionException e) {
            throw new IllegalStateException(e);
          }
        });
    RealCause.rethrow(failure);
  }

  /** Returns whether long tasks are to be given up. */
  public boolean isEnding() {
    return thread.isShutdown();
  }

  /** Ends the thread after the remaining tasks, but waits no longer than a second for them. */
  @Override
  public void close() {
    thread.shutdown();
    boolean interrupted = Thread.interrupted();
    try {
      boolean unused = thread.awaitTermination(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
