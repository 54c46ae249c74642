package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.Progress;
import java.time.Duration;
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

  @Test
  void aShortRunIsMeasuredForAsLong() {
    assertThat(watch.seconds(this::work, TIMES)).isPositive();
    assertThat(done.get()).isBetween(1, TIMES);
  }

  @Test
  void codeOfAShortRunIsCompiledForAsLong() {
    watch.compile(this::work, TIMES);
    assertThat(done.get()).isBetween(1, TIMES);
    assertThat(watch.warmUp()).isPositive();
  }
}
