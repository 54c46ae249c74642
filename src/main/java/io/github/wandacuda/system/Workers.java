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
   * How long a waiting thread spins before it sleeps. To wake a thread takes as long as some
   * operations of a single token, which come one after the other; the time between two rounds of
   * them is shorter than this.
   */
  private static final long LOOKING_NANOS = 50_000;

  private final int count;
  private final boolean looking;
  private final List<Thread> threads = new ArrayList<>();
  private final Object lock = new Object();

  /** Written under the lock. */
  private volatile Round current;

  private volatile boolean closed;

  /**
   * Starts the threads.
   *
   * @param count workers, the calling thread included, 1 or more
   */
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
   * {@inheritDoc}
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
   * Runs all tasks of all jobs. Jobs of different resources run at the same time if possible,
   * otherwise in the list's order.
   *
   * @param jobs the jobs, whose resources and numbers of tasks must not change
   * @throws io.github.wandacuda.error.CancelledException if the calling thread is interrupted
   * @throws RuntimeException the exception of the first task that failed
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

  /** Waits for the workers that have joined the round. Afterwards no worker can join it. */
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

  /**
   * Waits for the next round and joins it.
   *
   * @param done the round that this worker did last
   * @return null once the workers are closed
   */
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

  /**
   * Returns whether a round is another one than a worker did last and has more tasks than the
   * caller's.
   */
  private static boolean isShared(Round round, Round done) {
    return round != null && round != done && round.tasks.tasks() > 1;
  }

  /** Spins for a short time until a condition holds. */
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

  /** A round of tasks, shared by the threads of this pool. */
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
   * resources as long as there are enough, and none idles while there are tasks.
   */
  static final class JobQueue {
    private static final int NONE = -1;

    private final List<? extends Job> jobs;
    private final int[] resourceOf;
    private final int[] next;
    private final int[] jobOf;
    private final int[] workersAt;

    /** The first job that may have tasks left: those of all jobs before it are handed out. */
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

    /** Returns the number of tasks of all jobs together; {@link #take} may be called so often. */
    int tasks() {
      return Math.toIntExact(jobs.stream().mapToLong(Job::tasks).sum());
    }

    /** Returns the next task for a worker. */
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

    /** Returns the first job with tasks left whose resource has the fewest workers. */
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

    /** Returns how many workers use a job's resource. */
    private int crowd(int job) {
      return workersAt[resourceOf[job]];
    }
  }
}
