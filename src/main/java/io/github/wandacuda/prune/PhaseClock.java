package io.github.wandacuda.prune;

import java.util.concurrent.atomic.LongAdder;

/**
 * Where the time of a run goes. Workers read, select and write side by side, so the times of these
 * are added up over the workers and divided by their number.
 */
public final class PhaseClock {
  private static final double NANOS = 1e9;

  private final int workers;
  private final long start = System.nanoTime();
  private final LongAdder select = new LongAdder();
  private final LongAdder readWrite = new LongAdder();
  private final LongAdder calibrate = new LongAdder();
  private final LongAdder verify = new LongAdder();

  public PhaseClock(int workers) {
    this.workers = workers;
  }

  public void addSelect(long nanos) {
    select.add(nanos);
  }

  public void addReadWrite(long nanos) {
    readWrite.add(nanos);
  }

  /** Adds time in which no worker did anything, since all waited for reading or writing. */
  public void addWait(long nanos) {
    readWrite.add(nanos * workers);
  }

  public void addCalibrate(long nanos) {
    calibrate.add(nanos);
  }

  public void addVerify(long nanos) {
    verify.add(nanos);
  }

  public Seconds seconds() {
    return new Seconds(
        (System.nanoTime() - start) / NANOS,
        calibrate.sum() / NANOS,
        select.sum() / NANOS / workers,
        readWrite.sum() / NANOS / workers,
        verify.sum() / NANOS);
  }

  /**
   * Seconds by phase.
   *
   * @param total from the start of the run to its end
   * @param calibrate running samples through the model
   * @param select scoring and selecting
   * @param readWrite reading and writing weights, and copying what is not pruned
   * @param verify checking the written output
   */
  public record Seconds(
      double total, double calibrate, double select, double readWrite, double verify) {}
}
