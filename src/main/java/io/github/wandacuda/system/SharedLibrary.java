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

  /**
   * Returns the name of a library's file on this system.
   *
   * @param linux its name on Linux
   * @param windows its name on Windows
   */
  public static String name(String linux, String windows) {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    return system.startsWith("windows") ? windows : linux;
  }

  /**
   * Loads a library of the system, which then stays loaded. It is loaded here before JCuda loads
   * it, since JCuda's own error message is pages long.
   *
   * @return nothing if it isn't found
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
   * java.io.tmpdir} is set to an empty directory to which no other user can write, as long as the
   * code runs.
   *
   * @throws UnsatisfiedLinkError if no such directory can be made
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

  /**
   * A function of a library that returns a status, called without JCuda or JOCL. Safe for use by
   * several threads.
   */
  public static final class Function {
    private final String name;
    private final MemorySegment address;
    private volatile MethodHandle handle;

    /**
     * Finds a function.
     *
     * @param owner what the library belongs to, for the message
     * @throws UnsatisfiedLinkError if the library has no such function
     */
    public Function(SymbolLookup library, String owner, String name) {
      this.name = name;
      address =
          library.find(name).orElseThrow(() -> new UnsatisfiedLinkError(owner + " has no " + name));
    }

    /**
     * Calls the function.
     *
     * @param arguments an {@link Integer}, a {@link Long} or a {@link MemorySegment} for each
     *     parameter; their classes determine the parameters' types, the same in all calls
     * @return the status
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
