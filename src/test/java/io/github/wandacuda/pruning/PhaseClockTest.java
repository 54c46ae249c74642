package io.github.wandacuda.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PhaseClockTest {
  @Test
  void phasesSideBySideShareTheTime() {
    PhaseClock clock = new PhaseClock(2);
    clock.addCalibrate(3_000_000_000_000L);
    clock.addReadWrite(2_000_000_000_000L);
    PhaseClock.Seconds seconds = clock.seconds();
    assertThat(seconds.other()).isCloseTo(0, within(1e-9));
    assertThat(seconds.calibrate()).isCloseTo(3 * seconds.readWrite(), within(1e-9));
  }

  @Test
  void wordsNameWhatTookTime() {
    PhaseClock.Seconds seconds = new PhaseClock.Seconds(4, 0, 0, 0, 2.5, 0, 0.5, 0, 0, 0);
    assertThat(seconds.within(5.5, 0.5, 0.75, 0, 0.25).text())
        .isEqualTo(
            "5.50: start 0.50, prepare 0.75, calibrate 2.50, read and write 0.50, evaluate 0.25,"
                + " other 1.00");
  }
}
