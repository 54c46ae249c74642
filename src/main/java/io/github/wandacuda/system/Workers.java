package io.github.wandacuda.system;

import java.util.ArrayList;
import java.util.List;

/**
 * A fixed set of threads that do numbered tasks. The caller is worker 0 and does tasks too, so n
 * workers are n - 1 daemon threads; with one worker the tasks run in a plain loop in the caller.
 *
 * <p>{@link #run} is for one thread at a time, and a task must not call it.
 */
public final class Workers implements WorkerPool, AutoCloseable {
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

  @Override
  public int count() {
    return count;
  }

  /**
   * As for any pool.
   *
   * @throws IllegalStateException if the workers are closed or already at work
   */
  @Override
  public void run(int tasks, Body body) {
    Round round = new Round(tasks, body);
    publish(round);
    round.tasks.work(TaskRound.CALLER);
    retire(round);
    round.tasks.rethrow();
  }

  /**
   * Runs all tasks of all jobs, several jobs at a time: jobs of different lanes at the same time if
   * possible, otherwise in the list's order.
   *
   * @param jobs the jobs, whose lanes and numbers of tasks must not change
   */
  public void run(List<? extends Job> jobs) {
    JobQueue queue = new JobQueue(jobs, count);
    run(queue.tasks(), (worker, task) -> queue.take(worker).run(worker));
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
      if (round.tasks.tasks() > 1) {
        lock.notifyAll();
      }
    }
  }

  /** Waits for the workers that have joined the round; afterwards no worker can join it. */
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
      round.tasks.work(worker);
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

  /** A round that is shared by threads that stay. */
  private static final class Round {
    private final TaskRound tasks;

    /** Threads at work on this round, without the caller; guarded by the lock. */
    private int joined;

    Round(int tasks, Body body) {
      this.tasks = new TaskRound(tasks, body);
    }
  }
}
