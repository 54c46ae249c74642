package io.github.wandacuda.calibration;

/** Counts steps that several threads do, and tells of each that is done. */
public final class StepCount {
  private final String what;
  private final long total;
  private final Progress progress;
  private long done;

  /**
   * Begins.
   *
   * @param what the kind of step
   * @param total number of all steps
   * @param progress is told, by one thread at a time
   */
  public StepCount(String what, long total, Progress progress) {
    this.what = what;
    this.total = total;
    this.progress = progress;
  }

  /** Called when a step is done. */
  public synchronized void done() {
    done++;
    progress.step(what, done, total);
  }
}
