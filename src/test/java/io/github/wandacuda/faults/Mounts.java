package io.github.wandacuda.faults;

import io.github.wandacuda.testing.Within;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What only root may do. */
final class Mounts {
  private Mounts() {}

  /** Mounts a tmpfs; returns false where that isn't allowed. */
  static boolean mount(Path directory, String options) throws IOException, InterruptedException {
    return succeeds("mount", "-t", "tmpfs", "-o", options, "tmpfs", directory.toString());
  }

  /** Makes a mounted file system read-only. */
  static boolean makeReadOnly(Path directory) throws IOException, InterruptedException {
    return succeeds("mount", "-o", "remount,ro", directory.toString());
  }

  /** Unmounts a file system, if it is one. */
  static void unmount(Path directory) throws IOException, InterruptedException {
    succeeds("umount", directory.toString());
  }

  /**
   * Returns the words that run a program without root's rights: none if this process hasn't got
   * them, null if there is no way.
   */
  static List<String> asNobody() throws IOException, InterruptedException {
    if (!"root".equals(System.getProperty("user.name"))) {
      return List.of();
    }
    List<String> words = List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");
    List<String> probe = new ArrayList<>(words);
    probe.add("true");
    return succeeds(probe.toArray(String[]::new)) ? words : null;
  }

  static boolean succeeds(String... command) throws IOException, InterruptedException {
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return Within.exitCode(process) == 0;
    } catch (IOException missing) {
      return false;
    }
  }
}
