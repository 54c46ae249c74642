package io.github.wandacuda.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;

/** The number of the user that this process runs as, which Java has no method for. */
final class OwnUser {
  /** What no user has. */
  private static final int UNKNOWN = -1;

  private static final Path LINUX_PROCESS = Paths.get("/proc/self/status");

  private OwnUser() {}

  /** The number; one that no file belongs to if the system doesn't tell it. */
  static int get() {
    try {
      return (Integer) Files.getAttribute(LINUX_PROCESS, "unix:uid");
    } catch (IOException | UnsupportedOperationException noProc) {
      return ofSystem();
    }
  }

  /** The class is part of every JDK, though not of the API that this package is compiled for. */
  static int ofSystem() {
    try {
      Class<?> system = Class.forName("com.sun.security.auth.module.UnixSystem");
      Object number = system.getMethod("getUid").invoke(system.getConstructor().newInstance());
      return Math.toIntExact((Long) number);
    } catch (ReflectiveOperationException | LinkageError | ArithmeticException unknown) {
      return UNKNOWN;
    }
  }
}
