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
  /** A task that is done already. */
  public static final Future<?> NOTHING = CompletableFuture.completedFuture(null);

  /**
   * How long {@link #close} waits for tasks to end. A task that waits for a slow disk is left
   * behind.
   */
  private static final long PATIENCE_MILLIS = 1000;

  private final ExecutorService thread;
  private volatile Future<?> last = NOTHING;
  private volatile Throwable failure;

  /**
   * Starts no thread before the first task.
   *
   * @param name the thread's name
   */
  public BackgroundWork(String name) {
    thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(name).factory());
  }

  /**
   * Begins a single task in a thread of its own.
   *
   * @param name the thread's name
   * @return waits for the task and returns its result; throws what the task threw, or a {@link
   *     io.github.wandacuda.error.CancelledException} if the waiting thread is interrupted
   */
  public static <T> Supplier<T> begin(String name, Supplier<T> task) {
    FutureTask<T> future = new FutureTask<>(task::get);
    Thread thread = Thread.ofPlatform().daemon().name(name).start(future);
    return () -> {
      CancelledException.waiting(thread::join);
      RealCause.rethrow(future.state() == Future.State.FAILED ? future.exceptionNow() : null);
      return future.resultNow();
    };
  }

  /**
   * Adds a task, which runs after all tasks before it.
   *
   * @throws RuntimeException what an earlier task threw; the task isn't added then
   */
  public synchronized void submit(Runnable task) {
    RealCause.rethrow(failure);
    last = thread.submit(() -> run(task));
  }

  /** Returns the task that was added last, for {@link #await(Future)}. */
  public Future<?> last() {
    return last;
  }

  /** Runs a task, unless one before it has failed. */
  private void run(Runnable task) {
    try {
      if (failure == null) {
        task.run();
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  /**
   * Waits until all tasks are done.
   *
   * @throws RuntimeException what a task threw
   * @throws io.github.wandacuda.error.CancelledException if the calling thread is interrupted
   */
  public void await() {
    await(last);
  }

  /**
   * Waits until a task and all before it are done.
   *
   * @param task from {@link #last}
   * @throws RuntimeException what one of them threw
   * @throws io.github.wandacuda.error.CancelledException if the calling thread is interrupted
   */
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

  /** Returns whether {@link #close} was called, so that long tasks should give up. */
  public boolean isEnding() {
    return thread.isShutdown();
  }

  /**
   * Lets the thread end after the remaining tasks, and waits for it, but no longer than a second.
   */
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
