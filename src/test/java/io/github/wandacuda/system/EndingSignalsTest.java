package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class EndingSignalsTest {
  @Test
  void waitsForWhatTheJvmIsAboutToDo() throws Exception {
    EndingSignals.obeyEarlierOne();
    CountDownLatch ended = new CountDownLatch(1);
    Thread.ofPlatform().name("SIGINT handler").start(() -> waitFor(ended));
    Thread waiting = Thread.ofPlatform().start(EndingSignalsTest::obey);
    waiting.join(200);
    assertThat(waiting.isAlive()).isTrue();
    ended.countDown();
    waiting.join();
  }

  private static void obey() {
    try {
      EndingSignals.obeyEarlierOne();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void waitFor(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
