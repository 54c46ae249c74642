package io.github.wandacuda.backend.gpu;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** A function of a driver's library that is called without JCuda or JOCL. */
public final class NativeFunction {
  private final String owner;
  private final MethodHandle handle;

  /**
   * Finds a function that returns a status.
   *
   * @param library where it is
   * @param owner what the library is called
   * @param name with its version
   * @param parameters their types
   * @throws UnsatisfiedLinkError if it isn't there
   */
  public NativeFunction(
      SymbolLookup library, String owner, String name, MemoryLayout... parameters) {
    this.owner = owner;
    handle =
        Linker.nativeLinker()
            .downcallHandle(
                library
                    .find(name)
                    .orElseThrow(() -> new UnsatisfiedLinkError(owner + " has no " + name)),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
  }

  /** Calls it and returns its result. */
  public int call(Object... arguments) {
    try {
      return (int) handle.invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException("a call of " + owner + " failed", e);
    }
  }
}
