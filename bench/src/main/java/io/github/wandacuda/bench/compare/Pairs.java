package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Spread;
import java.util.Map;

/**
 * Times two sides in turns, ABBA, so that what drifts on the machine touches both alike. Short work
 * is repeated between two looks at the clock.
 */
final class Pairs {
  private static final int MOST_REPETITIONS = 1 << 20;

  private final Settings settings;
  private final boolean warm;

  Pairs(Settings settings) {
    this(settings, false);
  }

  private Pairs(Settings settings, boolean warm) {
    this.settings = settings;
    this.warm = warm;
  }

  /** Returns one that rests before each measurement. */
  Pairs rested() {
    return new Pairs(settings.rested(), warm);
  }

  /** Returns one for sides that have run before, and each of whose runs is long enough. */
  Pairs warmed() {
    return new Pairs(settings, true);
  }

  /**
   * A side.
   *
   * @param amount what one run of it does, in the unit's terms
   */
  record Side(double amount, Work work) {}

  /** Warms both sides up and measures them. */
  Outcome measure(Unit unit, Side ours, Side beside) {
    Times times = times(ours, beside);
    double[] ratios = new double[settings.pairs()];
    for (int i = 0; i < ratios.length; i++) {
      ratios[i] = ours.amount() / times.ours()[i] / (beside.amount() / times.beside()[i]);
    }
    return new Outcome(
        unit,
        values(unit, ours, times.ours()),
        values(unit, beside, times.beside()),
        Spread.of(ratios),
        ratios.length,
        Map.of());
  }

  /** Warms both sides up and measures how many microseconds longer ours takes. */
  Outcome measureExcess(Side ours, Side beside) {
    Times times = times(ours, beside);
    double[] more = new double[settings.pairs()];
    for (int i = 0; i < more.length; i++) {
      more[i] = (times.ours()[i] - times.beside()[i]) * 1e6;
    }
    return Outcome.alone(Unit.MICROSECONDS, more)
        .with(Map.of("beside_microseconds", Spread.of(times.beside()).median() * 1e6));
  }

  /** The seconds of each run. */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  private record Times(double[] ours, double[] beside) {}

  private Times times(Side ours, Side beside) {
    Batch a = new Batch(ours);
    Batch b = new Batch(beside);
    if (!warm) {
      a.warmUp();
      b.warmUp();
    }
    Times times = new Times(new double[settings.pairs()], new double[settings.pairs()]);
    for (int i = 0; i < settings.pairs(); i++) {
      if (i % 2 == 0) {
        times.ours()[i] = a.seconds();
        times.beside()[i] = b.seconds();
      } else {
        times.beside()[i] = b.seconds();
        times.ours()[i] = a.seconds();
      }
    }
    return times;
  }

  private static Spread values(Unit unit, Side side, double[] seconds) {
    double[] values = new double[seconds.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = unit.of(side.amount(), seconds[i]);
    }
    return Spread.of(values);
  }

  /** A side with the number of repetitions that fills a batch. */
  private final class Batch {
    private final Work work;
    private int repetitions = 1;

    Batch(Side side) {
      work = side.work();
    }

    void warmUp() {
      double spent = work.seconds(1);
      double last = spent;
      while (spent < settings.warmSeconds()) {
        last = work.seconds(1);
        spent += last;
      }
      repetitions =
          (int) Math.clamp(Math.ceil(settings.batchSeconds() / last), 1, MOST_REPETITIONS);
    }

    /** Returns the seconds of one repetition, after a pause. */
    double seconds() {
      pause();
      return work.seconds(repetitions) / repetitions;
    }
  }

  private void pause() {
    try {
      Thread.sleep((long) (settings.pauseSeconds() * 1e3));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
