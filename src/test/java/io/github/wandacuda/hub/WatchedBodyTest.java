package io.github.wandacuda.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** When a body counts as stalled, and what its failures say. */
class WatchedBodyTest {
  private static final Duration STALL = Duration.ofMillis(100);

  /** A body of which no byte comes, as long as it is open. */
  private static final class Silent extends InputStream {
    private final CountDownLatch closed = new CountDownLatch(1);

    @Override
    public int read() throws IOException {
      try {
        if (!closed.await(1, TimeUnit.MINUTES)) {
          throw new AssertionError("nobody closed the body");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      throw new IOException("closed");
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  @Test
  void aReadEndsWhenNoByteComes() throws IOException {
    try (InputStream body = new WatchedBody(new Silent(), STALL)) {
      assertThatThrownBy(() -> body.readNBytes(7))
          .isInstanceOf(IOException.class)
          .hasMessage("no byte in 0 s");
    }
  }

  /** As where the disk is slower than the connection. */
  @Test
  void whoeverReadsMayTakeTheirTime() throws Exception {
    try (InputStream body = new WatchedBody(new ByteArrayInputStream(new byte[] {1, -2}), STALL)) {
      assertThat(body.read()).isEqualTo(1);
      Thread.sleep(STALL.multipliedBy(4));
      assertThat(body.read()).isEqualTo(254);
      assertThat(body.read()).isEqualTo(-1);
    }
  }

  @Test
  void aBrokenConnectionSaysWhatBrokeIt() throws IOException {
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("closed", new IOException("Connection reset"));
          }
        };
    try (InputStream body = new WatchedBody(broken, STALL)) {
      assertThatThrownBy(body::read).hasMessage("Connection reset");
    }
  }
}
