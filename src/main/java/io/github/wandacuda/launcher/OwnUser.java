package io.github.wandacuda.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;

/** The user id of this process, for which Java has no method. */
final class OwnUser {
  /** An id that no user has. */
  private static final int UNKNOWN = -1;

  private static final Path LINUX_PROCESS = Paths.get("/proc/self/status");

  private OwnUser() {}

  /** Returns the id, or one that owns no file if the system doesn't say. */
  static int get() {
    try {
      return (Integer) Files.getAttribute(LINUX_PROCESS, "unix:uid");
    } catch (IOException | UnsupportedOperationException noProc) {
      return ofSystem();
    }
  }

  /**
   * Asks a class of the JDK by reflection, since it isn't part of the API that this package is
   * compiled for.
   */
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
