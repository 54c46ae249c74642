package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * A fixed set of threads that do numbered tasks. The caller is worker 0 and does tasks too, so n
 * workers are n - 1 daemon threads; with one worker the tasks run in a plain loop in the caller.
 *
 * <p>{@link #run} is for one thread at a time, and a task must not call it.
 */
public final class Workers implements WorkerPool, AutoCloseable {
  /**
   * How long a thread looks for what it waits for before it sleeps. Waking one takes as long as
   * some operations of a single token do, which come one after the other; what lies between two
   * rounds of those takes less than this.
   */
  private static final long LOOKING_NANOS = 50_000;

  private final int count;
  private final boolean looking;
  private final List<Thread> threads = new ArrayList<>();
  private final Object lock = new Object();

  /** Written under the lock. */
  private volatile Round current;

  private volatile boolean closed;

  /** Starts the threads. */
  public Workers(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("%d workers".formatted(count));
    }
    this.count = count;
    looking = count > 1 && count <= Runtime.getRuntime().availableProcessors();
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
   * Runs all tasks of all jobs, several jobs at a time: jobs of different resources at the same
   * time if possible, otherwise in the list's order.
   *
   * @param jobs the jobs, whose resources and numbers of tasks must not change
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
    look(() -> round.joined == 0);
    synchronized (lock) {
      CancelledException.waitingUntil(() -> round.joined == 0, lock::wait);
      current = null;
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
    look(() -> closed || isShared(current, done));
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

  /** Returns whether a round has tasks for a worker that has done another one. */
  private static boolean isShared(Round round, Round done) {
    return round != null && round != done && round.tasks.tasks() > 1;
  }

  /** Waits a little while for something without sleeping. */
  private void look(BooleanSupplier there) {
    if (!looking) {
      return;
    }
    long began = System.nanoTime();
    while (!there.getAsBoolean() && System.nanoTime() - began < LOOKING_NANOS) {
      Thread.onSpinWait();
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

    /** Threads at work on this round, without the caller; written under the lock. */
    private volatile int joined;

    Round(int tasks, Body body) {
      this.tasks = new TaskRound(tasks, body);
    }
  }

  /**
   * Hands out the tasks of jobs. A worker stays with a job until all of its tasks are handed out,
   * and then moves to the first job whose resource has the fewest workers. So workers use different
   * resources while there are enough, and none idles while there are tasks.
   */
  static final class JobQueue {
    private static final int NONE = -1;

    private final List<? extends Job> jobs;
    private final int[] resourceOf;
    private final int[] next;
    private final int[] jobOf;
    private final int[] workersAt;

    /** All tasks of the jobs before this one are handed out. */
    private int first;

    JobQueue(List<? extends Job> jobs, int workers) {
      this.jobs = jobs;
      Map<Object, Integer> resources = new HashMap<>();
      resourceOf =
          jobs.stream()
              .mapToInt(job -> resources.computeIfAbsent(job.resource(), first -> resources.size()))
              .toArray();
      workersAt = new int[resources.size()];
      next = new int[jobs.size()];
      jobOf = new int[workers];
      Arrays.fill(jobOf, NONE);
    }

    record Task(Job job, int number) {
      void run(int worker) {
        job.run(worker, number);
      }
    }

    /** Returns the number of tasks of all jobs, which is how many can be taken. */
    int tasks() {
      return Math.toIntExact(jobs.stream().mapToLong(Job::tasks).sum());
    }

    synchronized Task take(int worker) {
      if (jobOf[worker] == NONE || isHandedOut(jobOf[worker])) {
        move(worker);
      }
      int job = jobOf[worker];
      return new Task(jobs.get(job), next[job]++);
    }

    private boolean isHandedOut(int job) {
      return next[job] == jobs.get(job).tasks();
    }

    private void move(int worker) {
      if (jobOf[worker] != NONE) {
        workersAt[resourceOf[jobOf[worker]]]--;
      }
      jobOf[worker] = leastCrowded();
      workersAt[resourceOf[jobOf[worker]]]++;
    }

    private int leastCrowded() {
      while (isHandedOut(first)) {
        first++;
      }
      int best = first;
      for (int job = first; job < jobs.size() && crowd(best) > 0; job++) {
        if (!isHandedOut(job) && crowd(job) < crowd(best)) {
          best = job;
        }
      }
      return best;
    }

    private int crowd(int job) {
      return workersAt[resourceOf[job]];
    }
  }
}
