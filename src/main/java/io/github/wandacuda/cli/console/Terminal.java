package io.github.wandacuda.cli.console;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Tells whether a person looks at stderr. */
public final class Terminal {
  private static final int STDERR = 2;

  private Terminal() {}

  /** Asks the C library: Java's own Console looks at stdin and stdout alone. */
  public static boolean isStderr() {
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("isatty")
        .map(
            address ->
                linker.downcallHandle(
                    address, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT)))
        .map(Terminal::isTerminal)
        .orElse(false);
  }

  private static boolean isTerminal(MethodHandle isatty) {
    try {
      return (int) isatty.invokeExact(STDERR) == 1;
    } catch (Throwable e) {
      return false;
    }
  }
}
