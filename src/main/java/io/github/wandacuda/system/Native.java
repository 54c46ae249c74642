package io.github.wandacuda.system;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Functions of the C library. */
final class Native {
  /** Enough for a {@code struct sigaction}: 152 bytes in glibc and musl, 16 on macOS. */
  static final long ACTION_BYTES = 256;

  private Native() {}

  /**
   * Returns a function.
   *
   * @throws UnsatisfiedLinkError if the library has none of that name
   */
  static MethodHandle function(String name, FunctionDescriptor type, Linker.Option... options) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no " + name)),
        type,
        options);
  }

  /**
   * Returns {@code sigaction(2)}: its arguments are a signal, the new action and memory for the old
   * one.
   */
  static MethodHandle sigaction() {
    return function(
        "sigaction",
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
  }
}
