package io.github.wandacuda.testing;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;

/** What this process does on signals, as {@code sigaction(2)} tells it on Linux and macOS. */
public final class Signals {
  /** The handler that ignores a signal. */
  public static final long SIG_IGN = 1;

  private static final int SIGNALS = 31;

  /** Generous; the handler's address comes first in it. */
  private static final long ACTION_BYTES = 256;

  private static final long SIG_DFL = 0;

  /** SIGHUP, SIGINT and SIGTERM, which {@code nohup} and background jobs of scripts ignore. */
  private static final int[] ENDING = {1, 2, 15};

  private Signals() {}

  /**
   * Runs code that starts a process which is to obey the signals that end one, although this
   * process may have inherited that they are ignored; its children would inherit it, too.
   */
  public static synchronized <T> T unignored(Callable<T> code) throws Exception {
    if (File.separatorChar == '\\') {
      return code.call();
    }
    Map<Integer, Long> before = handlers();
    List<Integer> ignored =
        Arrays.stream(ENDING).boxed().filter(each -> before.get(each) == SIG_IGN).toList();
    ignored.forEach(signal -> set(signal, SIG_DFL));
    try {
      return code.call();
    } finally {
      ignored.forEach(signal -> set(signal, SIG_IGN));
    }
  }

  /** Starts a process that obeys the signals that end one. */
  public static Process start(ProcessBuilder builder) throws IOException {
    try {
      return unignored(builder::start);
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** Sends a signal, by its name; returns false if the process has ended. */
  public static boolean send(String name, long pid) {
    return Command.of("kill", "-" + name, pid).succeeds();
  }

  /** Returns the address of each signal's handler, by the signal's number. */
  public static Map<Integer, Long> handlers() {
    Map<Integer, Long> handlers = new TreeMap<>();
    try (Arena arena = Arena.ofConfined()) {
      for (int signal = 1; signal <= SIGNALS; signal++) {
        MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
        if (sigaction(signal, MemorySegment.NULL, action) == 0) {
          handlers.put(signal, action.get(ValueLayout.JAVA_LONG, 0));
        }
      }
    }
    return handlers;
  }

  /** Sets a signal's handler. */
  public static void set(int signal, long handler) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
      action.set(ValueLayout.JAVA_LONG, 0, handler);
      if (sigaction(signal, action, MemorySegment.NULL) != 0) {
        throw new IllegalArgumentException("signal " + signal + " can't be handled");
      }
    }
  }

  private static int sigaction(int signal, MemorySegment wanted, MemorySegment found) {
    Linker linker = Linker.nativeLinker();
    MethodHandle sigaction =
        linker.downcallHandle(
            linker.defaultLookup().find("sigaction").orElseThrow(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS));
    try {
      return (int) sigaction.invokeExact(signal, wanted, found);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
