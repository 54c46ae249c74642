package io.github.wandacuda.system;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** Loads libraries of the system, and those of JCuda and JOCL safely. */
public final class SharedLibrary {
  private static final String TEMPORARY = "java.io.tmpdir";

  private SharedLibrary() {}

  public static String name(String linux, String windows) {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    return system.startsWith("windows") ? windows : linux;
  }

  /**
   * Loads a library of the system, which remains loaded, before JCuda does, since JCuda's own error
   * message is pages long; returns nothing if it isn't found.
   */
  public static Optional<SymbolLookup> find(String name) {
    try {
      return Optional.of(SymbolLookup.libraryLookup(name, Arena.global()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /**
   * Runs code that makes JCuda or JOCL load its library. Both unpack a library into {@code
   * java.io.tmpdir} under a predictable name, and load a file that is there already. So {@code
   * java.io.tmpdir} is set to an empty directory that no other user can write to.
   */
  public static void inPrivateDirectory(Runnable load) {
    synchronized (SharedLibrary.class) {
      try (PrivateDirectory directory = PrivateDirectory.create("wanda-cuda-")) {
        String usual = System.setProperty(TEMPORARY, directory.path().toString());
        try {
          load.run();
        } finally {
          System.setProperty(TEMPORARY, usual);
        }
      } catch (IOException e) {
        LinkageError failure =
            new UnsatisfiedLinkError(
                "no private directory to unpack a library in: " + e.getMessage());
        failure.initCause(e);
        throw failure;
      }
    }
  }

  /** A function of a library that returns a status, called without JCuda or JOCL. */
  public static final class Function {
    private final String name;
    private final MemorySegment address;
    private volatile MethodHandle handle;

    /** Finds a function, or throws an {@link UnsatisfiedLinkError} that names its owner. */
    public Function(SymbolLookup library, String owner, String name) {
      this.name = name;
      address =
          library.find(name).orElseThrow(() -> new UnsatisfiedLinkError(owner + " has no " + name));
    }

    /**
     * Calls it and returns its status.
     *
     * @param arguments an {@link Integer}, a {@link Long} or a {@link MemorySegment} for each
     *     parameter, whose type it says
     */
    public int call(Object... arguments) {
      try {
        if (handle == null) {
          MemoryLayout[] parameters =
              Arrays.stream(arguments).map(Function::layout).toArray(MemoryLayout[]::new);
          handle =
              Linker.nativeLinker()
                  .downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
        }
        return (int) handle.invokeWithArguments(arguments);
      } catch (Throwable e) {
        throw new IllegalStateException("a call of " + name + " failed", e);
      }
    }

    private static MemoryLayout layout(Object argument) {
      if (argument instanceof Integer) {
        return ValueLayout.JAVA_INT;
      }
      return argument instanceof Long ? ValueLayout.JAVA_LONG : ValueLayout.ADDRESS;
    }
  }
}
