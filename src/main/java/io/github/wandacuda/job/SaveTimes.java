package io.github.wandacuda.job;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * When a calibrated run saves its samples' hidden states: they are as large as a block or more, so
 * not after every block, but when as much work as a user would do twice lies behind. Two files take
 * turns by the block's number, so that the states that were saved last are never written over.
 */
final class SaveTimes {
  /** Stands for a run that saves nothing. */
  private static final Duration NEVER = null;

  private final Duration every;
  private final LongSupplier nanos;
  private long last;
  private int lastFile = -1;

  private SaveTimes(Duration every, LongSupplier nanos) {
    this.every = every;
    this.nanos = nanos;
    last = nanos.getAsLong();
  }

  /**
   * Saves as soon as some time has gone by.
   *
   * @param first the block that the run begins with, whose states are saved unless it is the first
   */
  public static SaveTimes every(Duration time, int first) {
    return every(time, first, System::nanoTime);
  }

  /** Makes one with another clock. */
  static SaveTimes every(Duration time, int first, LongSupplier nanos) {
    SaveTimes times = new SaveTimes(time, nanos);
    times.lastFile = first == 0 ? -1 : StateFiles.fileOf(first);
    return times;
  }

  /** Saves nothing. */
  public static SaveTimes never() {
    return new SaveTimes(NEVER, System::nanoTime);
  }

  /** Returns whether the states that a block will read are to be saved now. */
  boolean isTime(int block) {
    long now = nanos.getAsLong();
    if (every == NEVER || now - last < every.toNanos() || StateFiles.fileOf(block) == lastFile) {
      return false;
    }
    last = now;
    lastFile = StateFiles.fileOf(block);
    return true;
  }
}
