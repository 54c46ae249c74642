package io.github.wandacuda.hub;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A response's body whose reads end. A read of the JDK's stream waits for a byte as long as the
 * connection is open, even if the server has gone; here another thread closes the body when a read
 * takes too long, and the read fails.
 */
final class WatchedBody extends InputStream {
  private final InputStream in;
  private final Duration stall;

  /** How many reads have begun and ended, so it is odd during one. */
  private final AtomicLong steps = new AtomicLong();

  private final Thread watch;
  private volatile boolean stalled;

  /**
   * Watches a body until it is closed.
   *
   * @param stall how long a read may take; it may take up to twice as long
   */
  WatchedBody(InputStream in, Duration stall) {
    this.in = in;
    this.stall = stall;
    watch = Thread.ofVirtual().start(this::watch);
  }

  private void watch() {
    try {
      long before;
      do {
        before = steps.get();
        Thread.sleep(stall);
      } while (before % 2 == 0 || steps.get() != before);
      stalled = true;
      in.close();
    } catch (InterruptedException | IOException e) {
      // It is closed already.
    }
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    steps.incrementAndGet();
    try {
      return in.read(bytes, offset, length);
    } catch (IOException e) {
      if (stalled) {
        throw new IOException("no byte in %d s".formatted(stall.toSeconds()), e);
      }
      // Of a broken connection the JDK says "closed", and has what happened as the cause.
      throw e.getCause() instanceof IOException cause ? cause : e;
    } finally {
      steps.incrementAndGet();
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public void close() throws IOException {
    watch.interrupt();
    in.close();
  }
}
