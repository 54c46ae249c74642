package io.github.wandacuda.system;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Turns this process into another program by {@code execv(3)}, with the same pid, parent, standard
 * streams, directory and environment. The kernel ends all other threads and resets the JVM's signal
 * handlers to the default. What else the new program inherits does no harm to a JVM: SIGQUIT is
 * blocked, as in every Java thread (a JVM unblocks it in the thread that serves it), and files that
 * the JDK opened without close-on-exec, such as the jar, remain open. Sockets are closed.
 */
public final class ProcessReplacement {
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;

  private ProcessReplacement() {}

  /** Returns whether this system has {@code execv} and the class path may call it. */
  public static boolean isPossible() {
    return File.separatorChar == '/' && ThisRuntime.hasNativeAccess();
  }

  /**
   * Runs a program in this process. Returns only if that failed, for whatever reason; signals to
   * end the process may have their default effect then.
   *
   * @param command the program's path and its arguments, each in the system's encoding without a
   *     terminating 0
   * @param withoutVariables names of environment variables that the program must not inherit
   * @param variables environment variables to set, by their names
   */
  public static void exec(
      List<byte[]> command, List<String> withoutVariables, Map<String, String> variables) {
    try (Arena arena = Arena.ofConfined()) {
      EndingSignals.endAtOnce();
      // An array, since Java generates code before it writes a single pointer. The last one is 0.
      long[] words = new long[command.size() + 1];
      for (int i = 0; i < command.size(); i++) {
        byte[] word = Arrays.copyOf(command.get(i), command.get(i).length + 1);
        words[i] = arena.allocateFrom(ValueLayout.JAVA_BYTE, word).address();
      }
      for (String variable : withoutVariables) {
        MethodHandle unsetenv = Native.ints("unsetenv", POINTER);
        int unused = (int) unsetenv.invokeExact(arena.allocateFrom(variable));
      }
      for (Map.Entry<String, String> each : variables.entrySet()) {
        MethodHandle setenv = Native.ints("setenv", POINTER, POINTER, ValueLayout.JAVA_INT);
        MemorySegment name = arena.allocateFrom(each.getKey());
        int unused = (int) setenv.invokeExact(name, arena.allocateFrom(each.getValue()), 1);
      }
      OpenSockets.closeOnExec();
      EndingSignals.obeyEarlierOne();
      MethodHandle execv = Native.ints("execv", POINTER, POINTER);
      MemorySegment path = MemorySegment.ofAddress(words[0]);
      int unused = (int) execv.invokeExact(path, arena.allocateFrom(ValueLayout.JAVA_LONG, words));
    } catch (Throwable e) {
      // The caller starts the program in another way, whatever the reason is.
      return;
    }
  }

  /**
   * The open sockets of this process other than the standard streams. If the next program inherited
   * a debugger's or a JMX agent's sockets, their ports would be in use, and it couldn't listen
   * there itself.
   */
  private static final class OpenSockets {
    private static final int STANDARD_STREAMS = 3;
    private static final int F_SETFD = 2;
    private static final int FD_CLOEXEC = 1;

    private OpenSockets() {}

    /** Marks the sockets so that {@code exec} closes them. They are found on Linux only. */
    static void closeOnExec() throws Throwable {
      String[] open = new File("/proc/self/fd").list();
      if (open == null) {
        return;
      }
      for (String descriptor : open) {
        int number = Integer.parseInt(descriptor);
        if (number >= STANDARD_STREAMS && isSocket(descriptor)) {
          closeOnExec(number);
        }
      }
    }

    private static boolean isSocket(String descriptor) {
      try {
        return Files.readSymbolicLink(new File("/proc/self/fd", descriptor).toPath())
            .toString()
            .startsWith("socket:");
      } catch (IOException closedMeanwhile) {
        return false;
      }
    }

    private static void closeOnExec(int descriptor) throws Throwable {
      MethodHandle fcntl =
          Native.variadic(
              "fcntl", 2, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
      int unused = (int) fcntl.invokeExact(descriptor, F_SETFD, FD_CLOEXEC);
    }
  }

  /**
   * The signals that ask a process to end. The JVM serves each in a thread of its own, which ends
   * the process a little later. If the process becomes another program meanwhile, the signal is
   * lost.
   */
  static final class EndingSignals {
    private static final int HUP = 1;
    private static final int INT = 2;
    private static final int TERM = 15;
    private static final int[] ALL = {HUP, INT, TERM};

    private static final long IGNORED = 1;

    /** The name of the JVM's thread that serves a signal. */
    private static final Pattern JVMS_HANDLER = Pattern.compile("SIG(HUP|INT|TERM) handler");

    private EndingSignals() {}

    /**
     * Restores the system's default for all of these signals that aren't ignored: they end the
     * process at once. {@link Signal#handle} could do it too, but then the JVM forgets a signal
     * that it has received and not served yet.
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
     * Waits for the end of this process if the JVM is about to end it because of an earlier signal.
     * The start of the JVM's shutdown doesn't show this in time: the JVM first loads classes to log
     * it.
     */
    static void obeyEarlierOne() throws InterruptedException {
      awaitJvm();
      for (Thread thread : ThisRuntime.threads()) {
        if (JVMS_HANDLER.matcher(thread.getName()).matches()) {
          thread.join();
        }
      }
    }

    /**
     * Waits until the JVM has served a signal with a higher number than all of these, since it
     * serves signals in the order of their numbers.
     */
    private static void awaitJvm() throws InterruptedException {
      CountDownLatch served = new CountDownLatch(1);
      Signal last = new Signal("WINCH");
      SignalHandler unused = Signal.handle(last, signal -> served.countDown());
      Signal.raise(last);
      boolean unusedToo = served.await(1, TimeUnit.SECONDS);
    }
  }
}
