package io.github.wandacuda.testing;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.TreeMap;

/** What this process does on signals, as {@code sigaction(2)} tells it on Linux and macOS. */
public final class Signals {
  /** The handler that ignores a signal. */
  public static final long SIG_IGN = 1;

  private static final int SIGNALS = 31;

  /** Generous; the handler's address comes first in it. */
  private static final long ACTION_BYTES = 256;

  private Signals() {}

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
