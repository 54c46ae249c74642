package io.github.wandacuda.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;

/** Opens files for direct I/O. */
@FunctionalInterface
interface FileOpener {
  /** Asks the file's own file system. */
  FileOpener SYSTEM = FileOpener::openDirect;

  /**
   * A file that is open for direct I/O.
   *
   * @param channel takes and gives bytes whose place in the file and in memory, and whose number,
   *     are multiples of {@code block}
   * @param block in bytes, a power of two
   */
  record Opened(FileChannel channel, int block) {}

  /**
   * Opens a file that exists and is open already.
   *
   * @param access {@link StandardOpenOption#READ} or {@link StandardOpenOption#WRITE}
   * @return empty if its file system has no device
   * @throws IOException if it can't be opened like this
   * @throws UnsupportedOperationException if it can't be opened like this on this system
   */
  Optional<Opened> open(Path file, StandardOpenOption access) throws IOException;

  private static Optional<Opened> openDirect(Path file, StandardOpenOption access)
      throws IOException {
    String type = Files.getFileStore(file).type();
    if (type.equals("tmpfs") || type.equals("ramfs")) {
      return Optional.empty();
    }
    InputFile.requireRegular(file);
    int block =
        Math.toIntExact(Math.max(BlockWriter.PAGE, Files.getFileStore(file).getBlockSize()));
    Set<OpenOption> options =
        access == StandardOpenOption.WRITE
            ? Set.of(access, direct(), LinkOption.NOFOLLOW_LINKS)
            : Set.of(access, direct());
    return Optional.of(new Opened(FileChannel.open(file, options), block));
  }

  /** Returns the JDK's option, which is outside of the Java SE API and so found by its name. */
  private static OpenOption direct() {
    try {
      return Arrays.stream(Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants())
          .map(OpenOption.class::cast)
          .filter(option -> option.toString().equals("DIRECT"))
          .findAny()
          .orElseThrow(() -> new UnsupportedOperationException("this Java has no such option"));
    } catch (ClassNotFoundException e) {
      throw new UnsupportedOperationException("this Java lacks the module jdk.unsupported", e);
    }
  }
}
