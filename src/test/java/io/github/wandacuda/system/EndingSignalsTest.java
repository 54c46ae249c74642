package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Within;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class EndingSignalsTest {
  @Test
  void waitsForWhatTheJvmIsAboutToDo() throws Exception {
    ProcessReplacement.EndingSignals.obeyEarlierOne();
    CountDownLatch ended = new CountDownLatch(1);
    Thread.ofPlatform().name("SIGINT handler").start(() -> waitFor(ended));
    Thread waiting = Thread.ofPlatform().start(EndingSignalsTest::obey);
    waiting.join(200);
    assertThat(waiting.isAlive()).isTrue();
    ended.countDown();
    Within.end(waiting);
  }

  private static void obey() {
    try {
      ProcessReplacement.EndingSignals.obeyEarlierOne();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void waitFor(CountDownLatch latch) {
    try {
      assertThat(latch.await(1, TimeUnit.MINUTES)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
