package io.github.wandacuda.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Folders as the device holds them. */
public final class Folders {
  private Folders() {}

  /**
   * Forces the names in a folder to the device: a file that was renamed has its new name after a
   * power failure too. Where the system can't open folders (Windows) it does so by itself.
   */
  public static void force(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException unsupported) {
      return;
    }
  }

  /** Forces the names in a file's folder to the device, see {@link #force}. */
  static void forceParent(Path file) {
    force(file.toAbsolutePath().getParent());
  }
}
