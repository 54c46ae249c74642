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
 * Keeps this process's signal handlers from libraries that replace them. The JVM needs its own: it
 * learns of null references, divisions by zero and mapped files that shrank by SIGSEGV, SIGFPE and
 * SIGBUS. LLVM, which is in many OpenCL drivers, sets a handler of its own for these and a dozen
 * more, which serves one signal and is gone (SA_RESETHAND): when two threads hit a null reference
 * at once, the second ends the process without a word.
 */
public final class SignalHandlers {
  /** All but the real-time signals, whatever a system calls each. */
  private static final int SIGNALS = 31;

  private static final Optional<MethodHandle> SIGACTION = sigaction();

  private record Saved(int signal, MemorySegment action) {}

  private SignalHandlers() {}

  /**
   * Runs code that may load such a library, and sets all handlers back to what they were before.
   * Where the system has no {@code sigaction} or the class path may not call it, the code just
   * runs. A handler that another thread sets meanwhile is set back too.
   *
   * @return what the code returned
   */
  public static <T> T kept(Supplier<T> code) {
    return SIGACTION.isEmpty() ? code.get() : kept(SIGACTION.get(), code);
  }

  /** One thread at a time: another would save what the first one's library has set meanwhile. */
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
