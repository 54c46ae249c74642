package io.github.wandacuda.system;

import java.io.File;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Map;

/**
 * Turns this process into another program by {@code execv(3)}: same pid, parent, standard streams,
 * directory and environment. The kernel ends all other threads and sets the JVM's signal handlers
 * back to the default. What the new program inherits beside that does no harm to a JVM: SIGQUIT is
 * blocked, as it is in every Java thread (a JVM unblocks it in the thread that serves it), and the
 * files that the JDK opened without close-on-exec, above all the jar, stay open. Sockets are
 * closed.
 */
public final class ProcessReplacement {
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;

  private ProcessReplacement() {}

  /** Whether this system has {@code execv} and the class path may call it. */
  public static boolean isPossible() {
    return File.separatorChar == '/' && ThisRuntime.hasNativeAccess();
  }

  /**
   * Runs a program in this process and returns only if that failed.
   *
   * @param command the program's path and its arguments, each in the system's encoding without a
   *     closing 0
   * @param withoutVariables names of environment variables that the program must not inherit
   * @param variables environment variables that it gets in addition
   */
  public static void exec(
      List<byte[]> command, List<String> withoutVariables, Map<String, String> variables) {
    try (Arena arena = Arena.ofConfined()) {
      EndingSignals.endAtOnce();
      MemorySegment words = arena.allocate(POINTER, command.size() + 1L);
      for (int i = 0; i < command.size(); i++) {
        words.setAtIndex(POINTER, i, text(arena, command.get(i)));
      }
      words.setAtIndex(POINTER, command.size(), MemorySegment.NULL);
      for (String variable : withoutVariables) {
        unset(arena.allocateFrom(variable));
      }
      for (Map.Entry<String, String> each : variables.entrySet()) {
        set(arena.allocateFrom(each.getKey()), arena.allocateFrom(each.getValue()));
      }
      OpenSockets.closeOnExec();
      EndingSignals.obeyEarlierOne();
      replace(words.getAtIndex(POINTER, 0), words);
    } catch (Throwable e) {
      // The caller starts the program in another way, whatever kept this one from working.
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
}
