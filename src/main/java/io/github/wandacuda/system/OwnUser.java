package io.github.wandacuda.system;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The user id of this process, for which Java has no method. */
public final class OwnUser {
  /** An id that no user has. */
  private static final int UNKNOWN = -1;

  /** The owner that the kernel shows for users who aren't mapped into a container's. */
  private static final int NOT_MAPPED = 65534;

  private static final Path LINUX_USERS = Path.of("/proc/self/uid_map");

  private static final Path LINUX_PROCESS = Path.of("/proc/self/status");

  private OwnUser() {}

  /** Returns the id, or a number that owns no file if the system doesn't say. */
  public static int get() {
    try {
      return (Integer) Files.getAttribute(LINUX_PROCESS, "unix:uid");
    } catch (IOException | UnsupportedOperationException noProc) {
      return ofSystem();
    }
  }

  /**
   * Returns whether an owner is the one that stands for all users whom this container doesn't have.
   */
  static boolean isOfNobodyHere(int owner) {
    if (owner != NOT_MAPPED) {
      return false;
    }
    try {
      for (String line : Files.readAllLines(LINUX_USERS)) {
        String[] range = line.trim().split(" +");
        long first = Long.parseLong(range[0]);
        if (first <= owner && owner < first + Long.parseLong(range[2])) {
          return false;
        }
      }
      return true;
    } catch (IOException | RuntimeException unknown) {
      return false;
    }
  }

  /** Asks a class of the JDK by reflection, since not every runtime image has its module. */
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
