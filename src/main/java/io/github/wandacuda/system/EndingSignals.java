package io.github.wandacuda.system;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * The signals that ask a process to end. The JVM serves each in a thread of its own, which ends the
 * process a little later. If the process becomes another program meanwhile, the signal is lost.
 */
final class EndingSignals {
  private static final int HUP = 1;
  private static final int INT = 2;
  private static final int TERM = 15;
  private static final int[] ALL = {HUP, INT, TERM};

  private static final long IGNORED = 1;

  /** The name of the JVM's thread that serves a signal. */
  private static final Pattern JVMS_HANDLER = Pattern.compile("SIG(HUP|INT|TERM) handler");

  /** How many threads may start while the threads are counted. */
  private static final int MORE_THREADS = 8;

  private EndingSignals() {}

  /**
   * Restores the system's default for all of these signals that aren't ignored: they end the
   * process at once. {@link Signal#handle} could do it too, but then the JVM forgets a signal that
   * it has received and not served yet.
   */
  static void endAtOnce() throws Throwable {
    // One function for both, since each kind of native call takes Java 15 ms to prepare.
    MethodHandle sigaction = Native.sigaction();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment now = arena.allocate(Native.ACTION_BYTES, Long.BYTES);
      MemorySegment byDefault = arena.allocate(Native.ACTION_BYTES, Long.BYTES);
      for (int each : ALL) {
        int unused = (int) sigaction.invokeExact(each, MemorySegment.NULL, now);
        // The struct begins with the handler; all zeros are the default, without flags and mask.
        // An array, since Java generates code before it reads a single number.
        if (now.toArray(ValueLayout.JAVA_LONG)[0] != IGNORED) {
          unused = (int) sigaction.invokeExact(each, byDefault, MemorySegment.NULL);
        }
      }
    }
  }

  /**
   * Waits for the end of this process if the JVM is about to end it by an earlier signal. The start
   * of the JVM's shutdown can't be used to see this, since it comes too late: the JVM first loads
   * classes to log it.
   */
  static void obeyEarlierOne() throws InterruptedException {
    awaitJvm();
    ThreadGroup top = Thread.currentThread().getThreadGroup();
    while (top.getParent() != null) {
      top = top.getParent();
    }
    Thread[] threads = new Thread[top.activeCount() + MORE_THREADS];
    int count = top.enumerate(threads);
    for (int i = 0; i < count; i++) {
      if (JVMS_HANDLER.matcher(threads[i].getName()).matches()) {
        threads[i].join();
      }
    }
  }

  /**
   * Waits until the JVM has served a signal with a higher number than all of these, since it serves
   * signals in the order of their numbers.
   */
  private static void awaitJvm() throws InterruptedException {
    CountDownLatch served = new CountDownLatch(1);
    Signal last = new Signal("WINCH");
    SignalHandler unused = Signal.handle(last, signal -> served.countDown());
    Signal.raise(last);
    boolean unusedToo = served.await(1, TimeUnit.SECONDS);
  }
}
