package io.github.wandacuda.cluster;

import java.util.concurrent.TimeUnit;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;

/**
 * Counts the tasks that executors are at work on. A job that is cancelled has ended before they
 * have, and what they were about to write would appear after its output was removed.
 */
final class TasksAtWork extends SparkListener {
  private int count;

  @Override
  public synchronized void onTaskStart(SparkListenerTaskStart start) {
    count++;
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
    count--;
    notifyAll();
  }

  /** Waits until there is none, or for so long. */
  synchronized void awaitNone(long millis) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    try {
      while (count > 0 && System.nanoTime() < end) {
        TimeUnit.NANOSECONDS.timedWait(this, end - System.nanoTime());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
