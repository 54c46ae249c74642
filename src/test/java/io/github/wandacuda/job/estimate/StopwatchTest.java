package io.github.wandacuda.job.estimate;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.Progress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Measuring takes no longer than what is measured. */
class StopwatchTest {
  private static final int TIMES = 3;

  private final Stopwatch watch = new Stopwatch(Stopwatch.MOST, Progress.NONE);
  private final AtomicInteger done = new AtomicInteger();

  /** Takes a little longer each time, as nothing does that is being compiled. */
  private void work() {
    LockSupport.parkNanos(Duration.ofMillis(10L + done.incrementAndGet()).toNanos());
  }

  /** Code that is being compiled gets faster; the least time is what it takes in the end. */
  @Test
  void whatGetsFasterIsMeasuredAgain() {
    AtomicInteger left = new AtomicInteger(6);
    Runnable faster =
        () ->
            LockSupport.parkNanos(
                Duration.ofMillis(1L << left.getAndUpdate(n -> Math.max(0, n - 1))).toNanos());
    Stopwatch some = new Stopwatch(Duration.ofSeconds(20), Progress.NONE);
    assertThat(some.seconds(faster, 1e9)).isBetween(0.0005, 0.02);
    assertThat(left.get()).isZero();
    assertThat(some.lost()).isGreaterThan(0.06);
  }

  @Test
  void aShortRunIsMeasuredForAsLong() {
    assertThat(watch.seconds(this::work, TIMES)).isPositive();
    assertThat(done.get()).isBetween(1, TIMES);
  }

  @Test
  void whatTakesLongIsMeasuredForTenSecondsAtMostAndTells() {
    assertThat(Stopwatch.MOST).isLessThanOrEqualTo(Duration.ofSeconds(10));
    List<Double> told = new ArrayList<>();
    Duration most = Duration.ofMillis(300);
    Progress progress =
        new Progress() {
          @Override
          public void step(String what, long done, long total, double share) {
            throw new AssertionError(what);
          }

          @Override
          public void within(String what, long done, long total, double share) {
            told.add(share);
          }
        };
    Stopwatch some = new Stopwatch(most, progress);
    long start = System.nanoTime();
    assertThat(some.seconds(this::work, 1e9)).isBetween(0.01, 1.0);
    assertThat(some.lost()).isNotNegative();
    assertThat(System.nanoTime() - start).isLessThan(20 * most.toNanos());
    assertThat(told).hasSize(done.get()).isSorted().allMatch(share -> share > 0 && share <= 1);
  }
}
