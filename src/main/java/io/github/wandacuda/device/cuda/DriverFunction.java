package io.github.wandacuda.device.cuda;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** A function of the driver that is called without JCuda, which narrows what it takes. */
final class DriverFunction {
  private final MethodHandle handle;

  /**
   * Finds a function that returns a {@code CUresult}.
   *
   * @param name with its version
   * @param parameters their types
   */
  DriverFunction(String name, MemoryLayout... parameters) {
    handle =
        Linker.nativeLinker()
            .downcallHandle(
                CudaLibrary.functions()
                    .find(name)
                    .orElseThrow(() -> new UnsatisfiedLinkError("the driver has no " + name)),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
  }

  /** Calls it and returns its result. */
  int call(Object... arguments) {
    try {
      return (int) handle.invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException("a call of the driver failed", e);
    }
  }
}
