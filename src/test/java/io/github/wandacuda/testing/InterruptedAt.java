package io.github.wandacuda.testing;

import java.util.concurrent.FutureTask;

/**
 * A thread that is interrupted the n-th time that somebody asks it whether it is. The JDK asks at
 * each operation of a channel, and so do our own loops, so that n = 1, 2, ... goes through them
 * all. The answer is that of the moment before: a channel is closed in the midst of the operation,
 * and a wait between two questions ends at once.
 */
public final class InterruptedAt extends Thread {
  /** Never interrupted, only counted. */
  public static final long NEVER = Long.MAX_VALUE;

  private final long when;
  private long asked;

  private InterruptedAt(Runnable work, long when) {
    super(work, "interrupted-at-" + when);
    this.when = when;
  }

  /** Runs work to its end and returns how often the thread was asked. */
  public static long run(Runnable work, long when) throws Exception {
    FutureTask<Void> task = new FutureTask<>(work, null);
    InterruptedAt thread = new InterruptedAt(task, when);
    thread.start();
    Within.end(thread);
    task.get();
    return thread.asked;
  }

  @Override
  public boolean isInterrupted() {
    boolean before = super.isInterrupted();
    if (this == currentThread() && ++asked == when) {
      interrupt();
    }
    return before;
  }
}
