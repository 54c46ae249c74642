package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A fixed set of threads that share out numbered tasks. The caller is worker 0 and works too, so n
 * workers are n - 1 daemon threads; one worker is a plain loop in the caller.
 *
 * <p>{@link #run} is for one thread at a time, and a task must not call it.
 */
public final class Workers implements AutoCloseable {

  /** What is done for each task. */
  @FunctionalInterface
  public interface Body {
    /**
     * Does one task.
     *
     * @param worker who does it, from 0; two tasks of the same worker never run at the same time
     * @param task which one, from 0
     */
    void run(int worker, int task);
  }

  private static final int CALLER = 0;

  private final int count;
  private final List<Thread> threads = new ArrayList<>();
  private final Object lock = new Object();
  private Round current;
  private boolean closed;

  /**
   * Starts the threads.
   *
   * @param count workers including the caller, 1 or more
   */
  public Workers(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("%d workers".formatted(count));
    }
    this.count = count;
    for (int worker = 1; worker < count; worker++) {
      int index = worker;
      threads.add(
          Thread.ofPlatform()
              .daemon()
              .name("wanda-cuda-worker-" + index)
              .start(() -> serve(index)));
    }
  }

  /** Returns the number of workers, the caller included. */
  public int count() {
    return count;
  }

  /**
   * Runs tasks 0 to {@code tasks - 1} and returns when all are done. Each worker takes the next one
   * as it becomes free. What the tasks wrote is visible to the caller afterwards.
   *
   * @throws IllegalStateException if the workers are closed or already at work
   * @throws CancelledException if the calling thread is interrupted, whatever a task made of it;
   *     tasks under way are finished
   * @throws RuntimeException what the first failing task threw, as it is; tasks that nobody had
   *     begun by then are left out. An {@link Error} likewise
   */
  public void run(int tasks, Body body) {
    Round round = new Round(tasks, body);
    publish(round);
    round.work(CALLER);
    retire(round);
    round.rethrow();
  }

  /**
   * Runs all tasks of all jobs, several jobs at a time: those of different lanes side by side where
   * that is possible, otherwise in the list's order.
   *
   * @param jobs whose lanes and numbers of tasks stay as they are
   */
  public void run(List<? extends Job> jobs) {
    JobQueue queue = new JobQueue(jobs, count);
    run(queue.tasks(), (worker, task) -> queue.take(worker).run(worker));
  }

  /**
   * Runs {@code body} for ranges that together make up 0 to {@code items - 1}.
   *
   * @param items what is shared out
   * @param grain items of a range; the last one may be shorter
   */
  public void runRanges(int items, int grain, RangeBody body) {
    int ranges = Math.ceilDiv(items, grain);
    run(
        ranges,
        (worker, range) -> {
          int from = range * grain;
          body.run(worker, from, from + Math.min(grain, items - from));
        });
  }

  /** What is done for each range. */
  @FunctionalInterface
  public interface RangeBody {
    /**
     * Does one range.
     *
     * @param worker as for {@link Body}
     * @param from the first item
     * @param to the item after the last one
     */
    void run(int worker, int from, int to);
  }

  /** Ends the threads. A second call does nothing. */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      lock.notifyAll();
    }
  }

  private void publish(Round round) {
    synchronized (lock) {
      if (closed) {
        throw new IllegalStateException("the workers are closed");
      }
      if (current != null) {
        throw new IllegalStateException("the workers are already at work");
      }
      current = round;
      if (round.tasks > 1) {
        lock.notifyAll();
      }
    }
  }

  /** Waits for the workers that joined; one that slept through the round can no longer join it. */
  private void retire(Round round) {
    boolean interrupted = false;
    synchronized (lock) {
      while (round.joined > 0) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      current = null;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void serve(int worker) {
    Round done = null;
    while (true) {
      Round round = join(done);
      if (round == null) {
        return;
      }
      round.work(worker);
      leave(round);
      done = round;
    }
  }

  /** Returns the next round, or null once the workers are closed. */
  private Round join(Round done) {
    synchronized (lock) {
      while (!closed && (current == null || current == done)) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          return null;
        }
      }
      if (closed) {
        return null;
      }
      current.joined++;
      return current;
    }
  }

  private void leave(Round round) {
    synchronized (lock) {
      round.joined--;
      lock.notifyAll();
    }
  }

  private static final class Round {
    private final int tasks;
    private final Body body;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    /** Threads at work on this round, without the caller; guarded by the lock. */
    private int joined;

    Round(int tasks, Body body) {
      this.tasks = tasks;
      this.body = body;
    }

    void work(int worker) {
      try {
        for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
          if (failure.get() != null) {
            return;
          }
          if (worker == CALLER) {
            CancelledException.throwIfInterrupted();
          }
          body.run(worker, task);
        }
      } catch (RuntimeException | Error e) {
        failure.compareAndSet(null, e);
      }
    }

    void rethrow() {
      Throwable thrown = failure.get();
      if (thrown instanceof RuntimeException e) {
        // An interrupt closes the file that the caller was writing to, under the others too.
        CancelledException.throwIfInterrupted();
        throw e;
      }
      if (thrown instanceof Error e) {
        throw e;
      }
    }
  }
}
