package io.github.wandacuda.pruning;

import io.github.wandacuda.io.JsonText;
import java.io.Serializable;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/**
 * Where the time of a run goes. Workers read, select and write side by side, so the times of these
 * are added up over the workers and divided by their number. All times that are added are
 * nanoseconds.
 */
public final class PhaseClock {
  private static final double NANOS = 1e9;

  private final int workers;
  private final long start = System.nanoTime();
  private final LongAdder select = new LongAdder();
  private final LongAdder readWrite = new LongAdder();
  private final LongAdder calibrate = new LongAdder();
  private final LongAdder verify = new LongAdder();
  private final LongAdder complete = new LongAdder();

  /**
   * Starts the clock.
   *
   * @param workers how many work side by side
   */
  public PhaseClock(int workers) {
    this.workers = workers;
  }

  /** Adds a worker's time of scoring and selecting. */
  public void addSelect(long nanos) {
    select.add(nanos);
  }

  /** Adds a worker's time of reading or writing weights. */
  public void addReadWrite(long nanos) {
    readWrite.add(nanos);
  }

  /** Adds time in which no worker did anything, since all waited for reading or writing. */
  public void addWait(long nanos) {
    readWrite.add(nanos * workers);
  }

  /** Adds time in which samples ran through the model. */
  public void addCalibrate(long nanos) {
    calibrate.add(nanos);
  }

  /** Adds time in which the written output was checked. */
  public void addVerify(long nanos) {
    verify.add(nanos);
  }

  /** Adds time in which the output was begun or completed, beside its weights. */
  public void addComplete(long nanos) {
    complete.add(nanos);
  }

  /**
   * Returns the time until now. Phases that went on side by side share the time that all of them
   * took.
   */
  public Seconds seconds() {
    double total = (System.nanoTime() - start) / NANOS;
    double[] phases = {
      calibrate.sum() / NANOS,
      select.sum() / NANOS / workers,
      readWrite.sum() / NANOS / workers,
      verify.sum() / NANOS,
      complete.sum() / NANOS
    };
    double share = Math.min(1, total / Arrays.stream(phases).sum());
    return new Seconds(
        total,
        0,
        0,
        0,
        share * phases[0],
        share * phases[1],
        share * phases[2],
        share * phases[3],
        share * phases[4],
        0);
  }

  /**
   * Seconds by phase, which with {@link #other} add up to the total.
   *
   * @param total from the start to the end
   * @param start starting the process
   * @param prepare reading the model's headers and the texts, drawing samples, opening the device
   * @param allocate sharing a total out over blocks
   * @param calibrate running samples through the model
   * @param select scoring and selecting
   * @param readWrite reading and writing weights, and copying what is not pruned
   * @param verify checking the written output
   * @param complete digests of the source and of fitted tensors, the files beside the weights, the
   *     model card, the record, and files that were asked for beside the output
   * @param evaluate measuring perplexity and tasks
   */
  public record Seconds(
      double total,
      double start,
      double prepare,
      double allocate,
      double calibrate,
      double select,
      double readWrite,
      double verify,
      double complete,
      double evaluate)
      implements Serializable {
    /**
     * Returns the seconds of a command that this run is a part of: the run's own phases, and those
     * of the command around it.
     */
    public Seconds within(
        double total, double start, double prepare, double allocate, double evaluate) {
      return new Seconds(
          total, start, prepare, allocate, calibrate, select, readWrite, verify, complete,
          evaluate);
    }

    /**
     * Returns the seconds of the same run with samples that ran before.
     *
     * @param more seconds that they took
     */
    public Seconds calibrated(double more) {
      return new Seconds(
          total + more,
          start,
          prepare,
          allocate,
          calibrate + more,
          select,
          readWrite,
          verify,
          complete,
          evaluate);
    }

    /** Returns the seconds of what is none of the phases. */
    public double other() {
      return total
          - (start + prepare + allocate + calibrate + select + readWrite + verify + complete
              + evaluate);
    }

    /**
     * Returns the total and the phases by their names in JSON, in their order, {@code other} last.
     */
    public Map<String, Object> toJson() {
      Map<String, Object> phases = JsonText.map(this);
      phases.put("other", other());
      return phases;
    }

    /** Returns the total and, in words, each phase that took time, on one line. */
    public String text() {
      return "%.2f: ".formatted(total)
          + toJson().entrySet().stream()
              .skip(1)
              .filter(phase -> (double) phase.getValue() > 0)
              .map(
                  phase ->
                      "%s %.2f"
                          .formatted(
                              phase.getKey().replace("_", " and "), (double) phase.getValue()))
              .collect(Collectors.joining(", "));
    }
  }
}
