package io.github.wandacuda.system;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Functions of the C library. */
public final class Native {
  /** Enough for a {@code struct sigaction}: 152 bytes in glibc and musl, 16 on macOS. */
  static final long ACTION_BYTES = 256;

  private Native() {}

  /**
   * Returns a function of the C library.
   *
   * @throws UnsatisfiedLinkError if there is none of that name
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

  /** Returns a function of the C library whose result is an {@code int}. */
  static MethodHandle ints(String name, MemoryLayout... arguments) {
    return function(name, FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments));
  }

  /**
   * Returns a function of the C library whose result is an {@code int} and that takes a variable
   * list of arguments.
   *
   * @param first the number of arguments before that list
   * @param arguments the types of all arguments of the calls
   */
  public static MethodHandle variadic(String name, int first, MemoryLayout... arguments) {
    FunctionDescriptor type = FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments);
    return function(name, type, Linker.Option.firstVariadicArg(first));
  }

  /**
   * Returns {@code sigaction(2)}. Its arguments are a signal, the new action or null, and memory of
   * {@link #ACTION_BYTES} for the old one.
   */
  static MethodHandle sigaction() {
    return ints("sigaction", ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS);
  }
}
