package io.github.wandacuda.bench.compare;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where a row is measured.
 *
 * @param root the repository
 * @param memory an own folder on a memory file system
 * @param disk an own folder on a disk
 */
record Place(Path root, Path memory, Path disk) {
  /** Returns the program. */
  Path jar() {
    return root.resolve("target/wanda-cuda.jar");
  }

  Path script(String name) {
    return root.resolve("bench/peers").resolve(name);
  }

  /** Returns the first Python that has a module: of {@code PYTHON}, the path, and the system's. */
  static String python(String module) {
    return Stream.of(
            System.getenv().getOrDefault("PYTHON", "python3"), "python3", "/usr/bin/python3")
        .filter(python -> imports(python, module))
        .findFirst()
        .orElseThrow(() -> new NotRunException("no Python has the module " + module));
  }

  private static boolean imports(String python, String module) {
    String find = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('%s'))";
    try {
      return new ProcessBuilder(List.of(python, "-c", find.formatted(module)))
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
