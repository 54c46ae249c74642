package io.github.wandacuda.system;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;

/**
 * The sockets that this process has open, beside the standard streams. A debugger's or a JMX
 * agent's would keep their ports taken if they went on into the next program, which shall listen
 * there itself.
 */
final class OpenSockets {
  private static final int STANDARD_STREAMS = 3;
  private static final int F_SETFD = 2;
  private static final int FD_CLOEXEC = 1;

  private OpenSockets() {}

  /** Lets them be closed by {@code exec}. Finds them on Linux only. */
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
