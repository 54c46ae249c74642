package io.github.wandacuda.launcher;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Paths;

/** This process's number, which Java 8 has no method for. */
final class OwnPid {
  private OwnPid() {}

  static String get() {
    try {
      return Paths.get("/proc/self").toRealPath().getFileName().toString();
    } catch (IOException noProc) {
      String pidAtHost = ManagementFactory.getRuntimeMXBean().getName();
      return pidAtHost.substring(0, pidAtHost.indexOf('@'));
    }
  }
}
