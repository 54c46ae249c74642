package io.github.wandacuda.system;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Functions of the C library. */
final class Native {
  /** Room for a {@code struct sigaction}: 152 bytes in glibc and musl, 16 on macOS. */
  static final long ACTION_BYTES = 256;

  private Native() {}

  /** The function of that name, or an {@link UnsatisfiedLinkError} where the library has none. */
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

  /** {@code sigaction(2)}: a signal, what it is to do and what it did. */
  static MethodHandle sigaction() {
    return function(
        "sigaction",
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
  }
}
