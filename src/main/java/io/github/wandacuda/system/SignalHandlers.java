package io.github.wandacuda.system;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Protects this process's signal handlers from libraries that replace them. The JVM needs its
 * handlers: by SIGSEGV, SIGFPE and SIGBUS it detects null references, divisions by zero and mapped
 * files that shrank. LLVM, which is in many OpenCL drivers, sets its own handlers for these and a
 * dozen more, which serve one signal and are then removed (SA_RESETHAND). When two threads hit a
 * null reference at once, the second then ends the process without a message.
 */
public final class SignalHandlers {
  /** The number of signals, without the real-time ones. */
  private static final int SIGNALS = 31;

  private static final Optional<MethodHandle> SIGACTION = sigaction();

  private record Saved(int signal, MemorySegment action) {}

  private SignalHandlers() {}

  /**
   * Runs code that may load such a library, and restores all handlers afterwards. A handler that
   * another thread sets meanwhile is undone, too. If the system has no {@code sigaction}, or the
   * class path may not call it, nothing is restored.
   *
   * @return what the code returns
   */
  public static <T> T kept(Supplier<T> code) {
    return SIGACTION.isEmpty() ? code.get() : kept(SIGACTION.get(), code);
  }

  /**
   * Synchronized, since a second thread would save the handlers that the first one's library has
   * set.
   */
  private static synchronized <T> T kept(MethodHandle sigaction, Supplier<T> code) {
    try (Arena arena = Arena.ofConfined()) {
      List<Saved> all = save(sigaction, arena);
      try {
        return code.get();
      } finally {
        for (Saved saved : all) {
          // Fails for SIGKILL and SIGSTOP, which nobody can handle.
          int unused = call(sigaction, saved.signal(), saved.action(), MemorySegment.NULL);
        }
      }
    }
  }

  private static List<Saved> save(MethodHandle sigaction, Arena arena) {
    List<Saved> all = new ArrayList<>();
    for (int signal = 1; signal <= SIGNALS; signal++) {
      MemorySegment action = arena.allocate(Native.ACTION_BYTES, Long.BYTES);
      if (call(sigaction, signal, MemorySegment.NULL, action) == 0) {
        all.add(new Saved(signal, action));
      }
    }
    return all;
  }

  private static int call(
      MethodHandle sigaction, int signal, MemorySegment wanted, MemorySegment found) {
    try {
      return (int) sigaction.invokeExact(signal, wanted, found);
    } catch (Throwable e) {
      throw new IllegalStateException("sigaction can't be called", e);
    }
  }

  private static Optional<MethodHandle> sigaction() {
    if (File.separatorChar != '/' || !ThisRuntime.hasNativeAccess()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Native.sigaction());
    } catch (UnsatisfiedLinkError | UnsupportedOperationException e) {
      return Optional.empty();
    }
  }
}
