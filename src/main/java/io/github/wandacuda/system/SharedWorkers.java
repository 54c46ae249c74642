package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/**
 * Workers that any number of callers use at the same time. A call's tasks are taken by the calling
 * thread and by helpers from an executor. The caller waits for those helpers alone that have begun
 * a task: one that comes late finds nothing left. So an executor with no thread to spare makes a
 * call slower, and never holds it up; a task may call, too.
 *
 * @param count workers of a call at most, the caller included, 1 or more
 * @param executor runs the helpers; where it rejects them, the caller works without
 */
public record SharedWorkers(int count, Executor executor) implements WorkerPool {
  public SharedWorkers {
    if (count < 1) {
      throw new IllegalArgumentException("%d workers".formatted(count));
    }
  }

  @Override
  public void run(int tasks, Body body) {
    TaskRound round = new TaskRound(tasks, body);
    int helpers = Math.min(count, tasks) - 1;
    if (helpers <= 0) {
      round.work(TaskRound.CALLER);
    } else {
      workWith(helpers, round);
    }
    round.rethrow();
  }

  private void workWith(int helpers, TaskRound round) {
    Helpers joining = new Helpers(round, helpers, executor);
    try {
      joining.callOne();
      round.work(TaskRound.CALLER);
    } finally {
      joining.finish();
    }
  }

  /**
   * Where the helpers of a call come to. The caller calls one, and each that comes calls two more:
   * waking a thread takes as long as a small tile does.
   */
  private static final class Helpers implements Runnable {
    private final Executor executor;

    /** Null once the call is over, so that an executor's queue keeps none of its memory. */
    private TaskRound round;

    private int toCall;
    private int last = TaskRound.CALLER;
    private int working;

    Helpers(TaskRound round, int count, Executor executor) {
      this.round = round;
      this.executor = executor;
      toCall = count;
    }

    /** Calls a helper, unless all were called or there is nothing left for one. */
    void callOne() {
      synchronized (this) {
        if (round == null || toCall == 0) {
          return;
        }
        toCall--;
      }
      try {
        executor.execute(this);
      } catch (RejectedExecutionException e) {
        synchronized (this) {
          toCall = 0;
        }
      }
    }

    @Override
    public void run() {
      TaskRound current;
      int worker;
      synchronized (this) {
        if (round == null) {
          return;
        }
        current = round;
        worker = ++last;
        working++;
      }
      try {
        callOne();
        callOne();
        current.work(worker);
      } finally {
        leave();
      }
    }

    private synchronized void leave() {
      working--;
      notifyAll();
    }

    /** Lets no more helpers in, and waits for those that are. */
    synchronized void finish() {
      round = null;
      CancelledException.waitingUntil(() -> working == 0, this::wait);
    }
  }
}
