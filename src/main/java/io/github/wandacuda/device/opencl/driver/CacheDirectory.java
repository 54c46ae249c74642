package io.github.wandacuda.device.opencl.driver;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** Where a user's caches are, by the customs of each system. */
public final class CacheDirectory {
  private CacheDirectory() {}

  /** Returns the directory of this program's compiled kernels. */
  public static Path ofUser() {
    return of(
        System.getProperty("os.name"), Path.of(System.getProperty("user.home")), System.getenv());
  }

  /**
   * Returns the directory on some system.
   *
   * @param system its name, as Java tells it
   * @param home the user's directory
   * @param environment the process's variables
   */
  static Path of(String system, Path home, Map<String, String> environment) {
    return base(system.toLowerCase(Locale.ROOT), home, environment)
        .resolve("wanda-cuda")
        .resolve("opencl");
  }

  private static Path base(String system, Path home, Map<String, String> environment) {
    if (system.startsWith("windows")) {
      return absolute(environment.get("LOCALAPPDATA"), home.resolve("AppData").resolve("Local"));
    }
    if (system.startsWith("mac")) {
      return home.resolve("Library").resolve("Caches");
    }
    return absolute(environment.get("XDG_CACHE_HOME"), home.resolve(".cache"));
  }

  /** The XDG base directory specification: a path that isn't absolute counts as none. */
  private static Path absolute(String path, Path otherwise) {
    return path != null && Path.of(path).isAbsolute() ? Path.of(path) : otherwise;
  }
}
