package io.github.wandacuda.system;

import io.github.wandacuda.error.CancelledException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/**
 * Workers that any number of callers use at the same time. The tasks of a call are done by the
 * calling thread and by helpers from an executor. The caller waits only for helpers that have begun
 * a task; one that comes later finds nothing left. So an executor without a free thread makes a
 * call slower but never blocks it, and a task may itself call.
 *
 * @param count the most workers of a call, the caller included, 1 or more
 * @param executor runs the helpers and stays the caller's; if it rejects them, the caller works
 *     alone
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
   * The helpers of a call. The caller starts one, and each helper that begins starts two more: to
   * wake a thread takes as long as a small tile does.
   */
  private static final class Helpers implements Runnable {
    private final Executor executor;

    /**
     * Null once the call is over, so that a helper that is still in the executor's queue keeps none
     * of its memory.
     */
    private TaskRound round;

    private int toCall;
    private int last = TaskRound.CALLER;
    private int working;

    Helpers(TaskRound round, int count, Executor executor) {
      this.round = round;
      this.executor = executor;
      toCall = count;
    }

    /** Starts a helper, unless all were started or there is no task left for one. */
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

    /** Ends the call: no helper joins any more, and those that have are waited for. */
    synchronized void finish() {
      round = null;
      CancelledException.waitingUntil(() -> working == 0, this::wait);
    }
  }
}
