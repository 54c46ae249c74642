package io.github.wandacuda.faults;

import io.github.wandacuda.testing.Command;
import java.nio.file.Path;
import java.util.List;

/** What only root may do. */
final class Mounts {
  private Mounts() {}

  /** Mounts a tmpfs; returns false where that isn't allowed. */
  static boolean mount(Path directory, String options) {
    return Command.of("mount", "-t", "tmpfs", "-o", options, "tmpfs", directory).succeeds();
  }

  /** Makes a mounted file system read-only. */
  static boolean makeReadOnly(Path directory) {
    return Command.of("mount", "-o", "remount,ro", directory).succeeds();
  }

  /** Unmounts a file system, if it is one. */
  static void unmount(Path directory) {
    Command.of("umount", directory).succeeds();
  }

  /**
   * Returns the words that run a program without root's rights: none if this process hasn't got
   * them, null if there is no way.
   */
  static List<String> asNobody() {
    if (!"root".equals(System.getProperty("user.name"))) {
      return List.of();
    }
    List<String> words = List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");
    return Command.of(words, "true").succeeds() ? words : null;
  }
}
