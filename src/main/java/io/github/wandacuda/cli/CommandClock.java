package io.github.wandacuda.cli;

import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.ProcessAge;
import java.util.function.Supplier;

/** The time of a command from the start of its process. */
final class CommandClock {
  private final double start = ProcessAge.seconds();
  private final long begin = System.nanoTime();
  private double allocate;
  private double evaluate;

  /** Returns the seconds until now. */
  public double total() {
    return start + since(begin);
  }

  private static double since(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }

  /** Shares a total out. */
  public <T> T allocating(Supplier<T> work) {
    long before = System.nanoTime();
    T result = work.get();
    allocate += since(before);
    return result;
  }

  /** Measures perplexity. */
  public <T> T evaluating(Supplier<T> work) {
    long before = System.nanoTime();
    T result = work.get();
    evaluate += since(before);
    return result;
  }

  /** Returns the seconds until now, of which a run was a part. */
  public PhaseClock.Seconds around(PhaseClock.Seconds run) {
    return run.within(total(), start, allocate, evaluate);
  }
}
