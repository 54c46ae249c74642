package io.github.wandacuda.system;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;

/**
 * Turns this process into another program by {@code execv(3)}, with the same pid, parent, standard
 * streams, directory and environment. The kernel ends all other threads and resets the JVM's signal
 * handlers to the default. What else the new program inherits does no harm to a JVM: SIGQUIT is
 * blocked, as in every Java thread (a JVM unblocks it in the thread that serves it), and files that
 * the JDK opened without close-on-exec, such as the jar, remain open. Sockets are closed.
 */
public final class ProcessReplacement {
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;

  private ProcessReplacement() {}

  /** Returns whether this system has {@code execv} and the class path may call it. */
  public static boolean isPossible() {
    return File.separatorChar == '/' && ThisRuntime.hasNativeAccess();
  }

  /**
   * Runs a program in this process; returns only if that failed.
   *
   * @param command the program's path and its arguments, each in the system's encoding without a
   *     terminating 0
   * @param withoutVariables names of environment variables that the program must not inherit
   * @param variables additional environment variables
   */
  public static void exec(
      List<byte[]> command, List<String> withoutVariables, Map<String, String> variables) {
    try (Arena arena = Arena.ofConfined()) {
      EndingSignals.endAtOnce();
      // An array, since Java generates code before it writes a single pointer. The last one is 0.
      long[] words = new long[command.size() + 1];
      for (int i = 0; i < command.size(); i++) {
        words[i] = text(arena, command.get(i)).address();
      }
      for (String variable : withoutVariables) {
        unset(arena.allocateFrom(variable));
      }
      for (Map.Entry<String, String> each : variables.entrySet()) {
        set(arena.allocateFrom(each.getKey()), arena.allocateFrom(each.getValue()));
      }
      OpenSockets.closeOnExec();
      EndingSignals.obeyEarlierOne();
      replace(MemorySegment.ofAddress(words[0]), arena.allocateFrom(ValueLayout.JAVA_LONG, words));
    } catch (Throwable e) {
      // Whatever the reason, the caller starts the program in another way.
      return;
    }
  }

  private static MemorySegment text(Arena arena, byte[] bytes) {
    MemorySegment text = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, text, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return text;
  }

  private static void unset(MemorySegment name) throws Throwable {
    MethodHandle unsetenv =
        Native.function("unsetenv", FunctionDescriptor.of(ValueLayout.JAVA_INT, POINTER));
    int unused = (int) unsetenv.invokeExact(name);
  }

  private static void set(MemorySegment name, MemorySegment value) throws Throwable {
    MethodHandle setenv =
        Native.function(
            "setenv",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, POINTER, POINTER, ValueLayout.JAVA_INT));
    int unused = (int) setenv.invokeExact(name, value, 1);
  }

  private static void replace(MemorySegment path, MemorySegment words) throws Throwable {
    MethodHandle execv =
        Native.function("execv", FunctionDescriptor.of(ValueLayout.JAVA_INT, POINTER, POINTER));
    int unused = (int) execv.invokeExact(path, words);
  }

  /**
   * The open sockets of this process other than the standard streams. If the next program inherited
   * a debugger's or a JMX agent's sockets, their ports would be in use, and it couldn't listen
   * there itself.
   */
  private static final class OpenSockets {
    private static final int STANDARD_STREAMS = 3;
    private static final int F_SETFD = 2;
    private static final int FD_CLOEXEC = 1;

    private OpenSockets() {}

    /** Has {@code exec} close the sockets. They are found on Linux only. */
    static void closeOnExec() throws Throwable {
      String[] open = new File("/proc/self/fd").list();
      if (open == null) {
        return;
      }
      for (String descriptor : open) {
        int number = Integer.parseInt(descriptor);
        if (number >= STANDARD_STREAMS && isSocket(descriptor)) {
          closeOnExec(number);
        }
      }
    }

    private static boolean isSocket(String descriptor) {
      try {
        return Files.readSymbolicLink(new File("/proc/self/fd", descriptor).toPath())
            .toString()
            .startsWith("socket:");
      } catch (IOException closedMeanwhile) {
        return false;
      }
    }

    private static void closeOnExec(int descriptor) throws Throwable {
      MethodHandle fcntl =
          Native.function(
              "fcntl",
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT),
              Linker.Option.firstVariadicArg(2));
      int unused = (int) fcntl.invokeExact(descriptor, F_SETFD, FD_CLOEXEC);
    }
  }
}
